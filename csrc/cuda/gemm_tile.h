// The tile of a product that a block keeps in its threads' registers, summed up by scalar multiply-adds.
//
// A thread owns TM × TN sums and needs TM + TN numbers for a step of k: 8 × 8 sums make 64 multiply-adds of 16 numbers,
// which shared memory delivers four at a time. The threads of a warp own a WM × WN part, so that a warp reads few
// different numbers: what several of its threads read at once is fetched once. For tensor cores another class takes the
// place of ScalarSums; the loops of gemm.h only use what is public here.
#pragma once

#include <cstdint>

#include "cuda/strided.h"

namespace pe::gemm {

// A block makes BM × BN sums in steps of BK, a warp of it WM × WN, a thread TM × TN.
template <int BM_, int BN_, int BK_, int WM_, int WN_, int TM_, int TN_>
struct Tile {
  static constexpr int BM = BM_, BN = BN_, BK = BK_, WM = WM_, WN = WN_, TM = TM_, TN = TN_;
  static constexpr int kThreads = BM / WM * (BN / WN) * 32;
  static_assert(WM / TM * (WN / TN) == 32);
};

template <class T>
inline constexpr int kVector = 16 / sizeof(T);  // elements that a thread moves with one instruction

// In shared memory an operand lies [BK][rows + kVector]: a step is a row. The extra elements let the transposing stores
// of neighbouring steps fall into different banks and keep vectors aligned.
template <class T, int kRows>
inline constexpr int kPitch = kRows + kVector<T>;

template <class T, class Accumulate, class Tile>
class ScalarSums {
 public:
  static constexpr int kRun = kVector<T>;  // columns, or rows, of a thread that lie side by side

  __device__ ScalarSums() {
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    row_ = warp / kWarpColumns * Tile::WM + lane / kLaneColumns * kRun;
    column_ = warp % kWarpColumns * Tile::WN + lane % kLaneColumns * kRun;
  }

  // Adds the products of BK steps.
  __device__ void add(const T* a, const T* b) {
#pragma unroll
    for (int k = 0; k < Tile::BK; ++k) {
      T a_step[Tile::TM], b_step[Tile::TN];
#pragma unroll
      for (int i = 0; i < Tile::TM; i += kRun) take(a + k * kPitch<T, Tile::BM> + row(i), a_step + i);
#pragma unroll
      for (int j = 0; j < Tile::TN; j += kRun) take(b + k * kPitch<T, Tile::BN> + column(j), b_step + j);
#pragma unroll
      for (int i = 0; i < Tile::TM; ++i)
#pragma unroll
        for (int j = 0; j < Tile::TN; ++j)
          sums_[i][j] += static_cast<Accumulate>(a_step[i]) * static_cast<Accumulate>(b_step[j]);
    }
  }

  // The sums leave through shared memory in slabs, so that neighbouring threads then write neighbouring columns. A slab
  // has the same rows of all warps, kPitch<Accumulate, BN> apart.
  static constexpr int kSlabs = Tile::TM / kRun, kSlabRows = Tile::BM / kSlabs;
  __device__ void put_slab(int slab, Accumulate* shared) const {
#pragma unroll
    for (int i = 0; i < kRun; ++i) {
      Accumulate* const to =
          shared + (row_ / Tile::WM * kWarpRows + row_ % Tile::WM + i) * kPitch<Accumulate, Tile::BN>;
#pragma unroll
      for (int j = 0; j < Tile::TN; j += kRun) {
        Pack<Accumulate, kRun> pack;
#pragma unroll
        for (int r = 0; r < kRun; ++r) pack.values[r] = sums_[slab * kRun + i][j + r];
        store_pack(to + column(j), pack);
      }
    }
  }
  // Which row of the tile row r of a slab is.
  __device__ static int slab_row(int slab, int r) {
    return r / kWarpRows * Tile::WM + slab * kWarpRows + r % kWarpRows;
  }

 private:
  static constexpr int kWarpColumns = Tile::BN / Tile::WN, kLaneColumns = Tile::WN / Tile::TN;
  static constexpr int kWarpRows = Tile::WM / Tile::TM * kRun;  // from run to run of a thread

  // Where row i, or column j, of the thread lies in the tile: runs are as far apart as the warp is wide.
  __device__ int row(int i) const { return row_ + i / kRun * kWarpRows + i % kRun; }
  __device__ int column(int j) const { return column_ + j / kRun * (kLaneColumns * kRun) + j % kRun; }

  __device__ static void take(const T* from, T* to) {
    const Pack<T, kRun> pack = load_pack<kRun>(from);
#pragma unroll
    for (int i = 0; i < kRun; ++i) to[i] = pack.values[i];
  }

  int row_, column_;
  Accumulate sums_[Tile::TM][Tile::TN] = {};
};

}  // namespace pe::gemm
