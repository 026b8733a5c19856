// var: mean = Σ a / n and Σ (a - mean)² / (n - correction) along the last axis; 4 FLOP for each element, read once.
//
// Two passes, because Σ a² - n·mean² cancels: of numbers near 10⁴ with a spread of 1 nothing would be left in float32.
// A segment of up to 16 elements a thread stays in registers between them. Rows of several segments leave (count, mean,
// Σ (a - mean)²) for each, which are combined in a fixed tree by the formula of T. F. Chan, G. H. Golub, R. J. LeVeque,
// "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
#include "kernels/moments.h"

#include <algorithm>

#include "cuda/block_reduce.h"
#include "cuda/by_dtype.h"
#include "cuda/scratch.h"
#include "cuda/strided.h"

namespace pe {

namespace {

constexpr int kEach = 16;  // elements that a thread holds

template <class T>
struct Moments {
  T count, mean, squares;  // squares: Σ (a - mean)²
};

struct Combine {
  template <class T>
  __device__ Moments<T> operator()(const Moments<T>& a, const Moments<T>& b) const {
    const T count = a.count + b.count;
    if (b.count == 0) return a;
    const T apart = b.mean - a.mean, share = b.count / count;
    return {count, a.mean + apart * share, a.squares + b.squares + apart * apart * a.count * share};
  }
};

// What the kernels write: row r of out and mean, of `length` elements `step` apart in a.
struct Rows {
  int64_t count, length, step, segments;
};
struct Settings {
  double divisor;
  bool root;
};

// Over a group of kGroup threads: a warp or the whole block.
template <int kGroup, class V, class F>
__device__ V group_reduce(V x, F combine) {
  if constexpr (kGroup == kWarp)
    return warp_reduce(x, combine);
  else
    return block_reduce<kGroup>(x, combine);
}

template <class T>
__device__ void write(const Strided<3>& walk, int64_t row, const Moments<T>& moments, const Settings& settings) {
  const auto at = walk.offsets(row);
  const T variance = moments.squares / static_cast<T>(settings.divisor);
  walk.data<T>(0)[at[0]] = settings.root ? ::sqrt(variance) : variance;
  walk.data<T>(1)[at[1]] = moments.mean;
}

// A group takes a segment of a row. `walk` has out, mean and where the rows of a start.
template <class T, int kGroup>
__global__ void __launch_bounds__(kThreads)
    segment_moments(Strided<3> walk, Rows rows, Settings settings, Moments<T>* partial) {
  const int64_t group = grid_thread() / kGroup, row = group / rows.segments, segment = group % rows.segments;
  if (row >= rows.count) return;  // a whole warp; blocks there are as many as groups of their size
  const T* from = walk.data<const T>(2) + walk.offsets(row)[2];
  const int lane = static_cast<int>(threadIdx.x) % kGroup;
  const int64_t begin = segment * kGroup * kEach, end = std::min(begin + kGroup * kEach, rows.length);
  T x[kEach], sum = 0, squares = 0;
#pragma unroll
  for (int j = 0; j < kEach; ++j) {
    const int64_t l = begin + lane + j * kGroup;
    x[j] = l < end ? from[l * rows.step] : T(0);
    sum += x[j];
  }
  const T count = static_cast<T>(end - begin), mean = group_reduce<kGroup>(sum, Plus{}) / count;
#pragma unroll
  for (int j = 0; j < kEach; ++j) {
    const T apart = begin + lane + j * kGroup < end ? x[j] - mean : T(0);
    squares += apart * apart;
  }
  const Moments<T> moments{count, mean, group_reduce<kGroup>(squares, Plus{})};
  if (lane != 0) return;
  if (rows.segments == 1)
    write(walk, row, moments, settings);
  else
    partial[group] = moments;
}

// A block takes the segments of a row: of those of one thread neighbours are combined first.
template <class T>
__global__ void __launch_bounds__(kThreads)
    combine_segments(Strided<3> walk, Rows rows, Settings settings, const Moments<T>* partial) {
  const Moments<T>* of_row = partial + blockIdx.x * rows.segments;
  Moments<T> moments{0, 0, 0};
  for (int64_t i = threadIdx.x; i < rows.segments; i += kThreads) moments = Combine{}(of_row[i], moments);
  moments = block_reduce<kThreads>(moments, Combine{});
  if (threadIdx.x == 0) write(walk, blockIdx.x, moments, settings);
}

template <class T>
void var_typed(In a, const Settings& settings, Out out, Out mean) {
  if (out.size() == 0) return;
  Array starts = a;
  --starts.ndim;
  const Strided<3> walk(out, mean, starts);
  Rows rows{walk.size, a.shape[starts.ndim], a.strides[starts.ndim], 1};
  if (rows.length <= kWarp * kEach) {
    const int64_t blocks = ceil_div(rows.count, kThreads / kWarp);
    return enqueue(segment_moments<T, kWarp>, static_cast<unsigned>(blocks), kThreads)(walk, rows, settings, nullptr);
  }
  rows.segments = ceil_div(rows.length, kThreads * kEach);
  DeviceScratch<Moments<T>> partial(rows.segments == 1 ? 0 : rows.count * rows.segments);
  enqueue(segment_moments<T, kThreads>, static_cast<unsigned>(rows.count * rows.segments), kThreads)(
      walk, rows, settings, partial.data());
  if (rows.segments == 1) return;
  enqueue(combine_segments<T>, static_cast<unsigned>(rows.count), kThreads)(walk, rows, settings, partial.data());
}

}  // namespace

void var(In a, double correction, bool root, Out out, Out mean) {
  const auto n = static_cast<double>(a.shape[a.ndim - 1]);
  const Settings settings{std::max(n - correction, 0.0), root};
  by_float("var", a.dtype, [&](auto type) { var_typed<TypeOf<decltype(type)>>(a, settings, out, mean); });
}

}  // namespace pe
