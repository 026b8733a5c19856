// Sums over k of products a[i, k] · b[k, j], for matmul and conv2d alike: the loops around a block's tile.
//
// 2·m·n·k FLOP. A block makes one BM × BN tile of the result and brings BK steps of both operands to shared memory at a
// time; while its threads multiply these, the next ones are on their way into registers, so one barrier a step is
// enough. Each number that was fetched is used BM or BN times. Results of few tiles but many steps are cut along k:
// each part sums into scratch, and the parts are added in order, which gives the same bits in every run.
//
// A Problem says what is multiplied: T, Accumulate, `items` products of at most m × n × k, and set(job, item) for
// a job: operands (gemm_matrix.h or another Loader), its own m, n and k, and its Output. Left out: tensor cores, for
// which a class takes the place of ScalarSums, with a Loader that keeps k innermost in shared memory.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cuda/gemm_output.h"
#include "cuda/gemm_tile.h"
#include "cuda/scratch.h"

namespace pe::gemm {

// How a launch is cut into blocks, column by column of tiles, row by row, part by part of k, item by item.
struct Cut {
  int64_t rows, columns, parts, steps;  // `steps` of k in a part: a multiple of BK where there are several
  int64_t first = 0;                    // block of this launch

  int64_t blocks(int64_t items) const { return rows * columns * parts * items; }
};

// What all threads of a block know, in shared memory: in registers it would push sums out.
template <class Job>
struct Block {
  Job job;
  int64_t row, column, part, item, begin, end;  // the tile's first row and column, and its steps of k

  template <class Tile, class Problem>
  __device__ void set(const Problem& problem, const Cut& cut, int64_t block) {
    column = block % cut.columns * Tile::BN;
    block /= cut.columns;
    row = block % cut.rows * Tile::BM;
    block /= cut.rows;
    part = block % cut.parts;
    item = block / cut.parts;
    problem.set(job, item);
    begin = part * cut.steps;
    end = begin + cut.steps < job.k ? begin + cut.steps : job.k;
  }
};

template <class Tile, class Problem>
__global__ void __launch_bounds__(Tile::kThreads, 512 / Tile::kThreads)
    multiply_tiles(const Problem problem, const Cut cut, typename Problem::Accumulate* partial) {
  using T = typename Problem::T;
  using Accumulate = typename Problem::Accumulate;
  using Job = typename Problem::Job;
  using LoaderA = typename decltype(Job::a)::template Loader<Tile::BM, Tile::BK, Tile::kThreads>;
  using LoaderB = typename decltype(Job::b)::template Loader<Tile::BN, Tile::BK, Tile::kThreads>;
  using Sums = ScalarSums<T, Accumulate, Tile>;
  constexpr int BK = Tile::BK, kA = BK * kPitch<T, Tile::BM>, kB = BK * kPitch<T, Tile::BN>;
  DYN_SHARED(T, a_steps);  // two buffers of each operand
  T* const b_steps = a_steps + 2 * kA;
  __shared__ Block<Job> x;
  __shared__ typename LoaderA::Table a_table;
  __shared__ typename LoaderB::Table b_table;

  if (threadIdx.x == 0) x.template set<Tile>(problem, cut, cut.first + blockIdx.x);
  __syncthreads();                                      // x is there
  if (x.row >= x.job.m || x.column >= x.job.n) return;  // an item smaller than the largest one
  LoaderA a(x.job.a, a_table, x.row, x.job.m, x.begin);
  LoaderB b(x.job.b, b_table, x.column, x.job.n, x.begin);
  Sums sums;
  __syncthreads();  // the loaders' tables are there

  const int count = x.end > x.begin ? static_cast<int>((x.end - x.begin + BK - 1) / BK) : 0;
  const int last = static_cast<int>(x.end - x.begin - int64_t{count - 1} * BK);  // steps of the last of so many rounds
  const auto fetch = [&](int round) {
    a.fetch(round + 1 < count ? BK : last);
    b.fetch(round + 1 < count ? BK : last);
  };
  const auto put = [&](int round) {
    a.put(a_steps + round % 2 * kA);
    b.put(b_steps + round % 2 * kB);
  };
  if (count > 0) {
    fetch(0);
    put(0);
  }
  for (int round = 0; round < count; ++round) {
    __syncthreads();  // what was put is there, and no thread still reads the other buffers
    if (round + 1 < count) fetch(round + 1);
    sums.add(a_steps + round % 2 * kA, b_steps + round % 2 * kB);
    if (round + 1 < count) put(round + 1);
  }

  auto* const slab = reinterpret_cast<Accumulate*>(a_steps);
  constexpr int kRun = kVector<T>, kSlabPitch = kPitch<Accumulate, Tile::BN>;
  static_assert(Sums::kSlabRows * kSlabPitch * sizeof(Accumulate) <= 2 * (kA + kB) * sizeof(T));
#pragma unroll
  for (int s = 0; s < Sums::kSlabs; ++s) {
    __syncthreads();  // all have read what is overwritten now
    sums.put_slab(s, slab);
    __syncthreads();  // the slab is there
    for (int at = static_cast<int>(threadIdx.x) * kRun; at < Sums::kSlabRows * Tile::BN; at += Tile::kThreads * kRun) {
      const int64_t i = x.row + Sums::slab_row(s, at / Tile::BN), j = x.column + at % Tile::BN;
      if (i >= x.job.m || j >= x.job.n) continue;
      const Accumulate* const run = slab + at / Tile::BN * kSlabPitch + at % Tile::BN;
      if (!partial) {
        x.job.out.put_run(run, i, j, x.job.n);
        continue;
      }
      Accumulate* const to = partial + ((x.part * problem.items + x.item) * problem.m + i) * problem.n + j;
      for (int r = 0; r < kRun && j + r < x.job.n; ++r) to[r] = run[r];
    }
  }
}

inline constexpr int kAddBlock = 4 * kThreads;  // sums of a block

// partial[parts][items][m][n] added up, in the order of the parts. Each item has so many blocks.
template <class Problem>
__global__ void __launch_bounds__(kThreads)
    add_parts(const Problem problem, const typename Problem::Accumulate* partial, int64_t parts, int64_t blocks) {
  const int64_t item = blockIdx.x / blocks, first = blockIdx.x % blocks * kAddBlock, size = problem.m * problem.n;
  __shared__ typename Problem::Job job;
  if (threadIdx.x == 0) problem.set(job, item);
  __syncthreads();
  for (int64_t at = first + threadIdx.x; at < size && at < first + kAddBlock; at += kThreads) {
    const int64_t row = at / problem.n, column = at % problem.n;
    if (row >= job.m || column >= job.n) continue;
    typename Problem::Accumulate sum = 0;
    for (int64_t part = 0; part < parts; ++part) sum += partial[(part * problem.items + item) * size + at];
    job.out.put(sum, row, column);
  }
}

inline constexpr int64_t kFewBlocks = 128;  // fewer leave multiprocessors of a large GPU idle

template <class Tile, class Problem>
Cut cut_of(const Problem& problem) {
  constexpr int64_t kLeastSteps = 256;  // of a part: many times what a partial sum's way through memory costs
  Cut cut{ceil_div(problem.m, Tile::BM), ceil_div(problem.n, Tile::BN), 1, problem.k};
  const int64_t tiles = cut.blocks(problem.items);
  if (tiles >= kFewBlocks || problem.k < 2 * kLeastSteps) return cut;
  const int64_t parts = std::min(2 * kFewBlocks / tiles, problem.k / kLeastSteps);
  cut.steps = ceil_div(ceil_div(problem.k, parts), Tile::BK) * Tile::BK;
  cut.parts = ceil_div(problem.k, cut.steps);
  return cut;
}

template <class Tile, class Problem>
void multiply_with(const Problem& problem) {
  using Accumulate = typename Problem::Accumulate;
  constexpr int64_t kMostBlocks = (int64_t{1} << 31) - 1;  // of a launch
  using T = typename Problem::T;
  constexpr int kWidth = kPitch<T, Tile::BM> + kPitch<T, Tile::BN>;
  constexpr int64_t kShared = 2 * Tile::BK * kWidth * sizeof(T);
  static_assert(kShared <= 48 * 1024);
  const auto launch_all = [&](Cut cut, Accumulate* partial) {
    const int64_t blocks = cut.blocks(problem.items);
    for (; cut.first < blocks; cut.first += kMostBlocks)
      enqueue(multiply_tiles<Tile, Problem>, static_cast<unsigned>(std::min(kMostBlocks, blocks - cut.first)),
              Tile::kThreads, kShared)(problem, cut, partial);
  };
  const Cut cut = cut_of<Tile>(problem);
  if (cut.parts == 1) return launch_all(cut, nullptr);
  const int64_t size = problem.m * problem.n, blocks = ceil_div(size, kAddBlock);
  DeviceScratch<Accumulate> partial(cut.parts * problem.items * size);
  launch_all(cut, partial.data());
  enqueue(add_parts<Problem>, static_cast<unsigned>(blocks * problem.items), kThreads)(problem, partial.data(),
                                                                                       cut.parts, blocks);
}

template <class T>
struct Tiles;
template <>
struct Tiles<float> {
  using Large = Tile<128, 128, 16, 64, 32, 8, 8>;
  using Small = Tile<64, 64, 16, 32, 16, 4, 4>;
  using Wide = Tile<32, 128, 16, 16, 32, 4, 4>;
};
template <>
struct Tiles<double> {
  using Large = Tile<64, 64, 8, 32, 32, 8, 4>;
  using Small = Tile<32, 32, 16, 16, 16, 4, 2>;
  using Wide = Tile<32, 64, 16, 16, 32, 4, 4>;
};

template <class Problem>
void multiply(const Problem& problem) {
  using Large = typename Tiles<typename Problem::T>::Large;
  using Small = typename Tiles<typename Problem::T>::Small;
  if (problem.m == 0 || problem.n == 0 || problem.items == 0) return;
  const int64_t large = ceil_div(problem.m, Large::BM) * ceil_div(problem.n, Large::BN) * problem.items;
  const bool filled = problem.m > Large::BM / 2 && problem.n > Large::BN / 2;
  if (filled && large >= kFewBlocks)
    multiply_with<Large>(problem);
  else
    multiply_with<Small>(problem);
}

}  // namespace pe::gemm
