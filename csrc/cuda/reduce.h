// The skeleton of every reduction: out[kept axes] = finish(combine over the reduced axes of map(a)).
//
// A reducer R is a struct with types In, Acc, Out and static __device__ members, of which identity and finish are for
// the host too:
//   identity()        combine(identity, x) is x; finish(identity) is what an empty reduction gives
//   map(x)            In to Acc: what one element counts for
//   combine(x, y)     associative up to rounding
//   finish(x)         Acc to Out
//
// A group of threads reduces up to kEach elements a thread of one output: a segment. Longer reductions leave an Acc for
// each segment and reduce these anew. Where neighbours in memory belong to neighbouring outputs, threads of a warp take
// neighbouring outputs ("columns"), otherwise neighbouring elements of one ("rows"). Segments and trees depend on the
// shape only. An element passes kEach / 4 additions within its thread and then the levels of a tree.
#pragma once

#include <algorithm>
#include <type_traits>

#include "core/reduced_walk.h"
#include "cuda/block_reduce.h"
#include "cuda/scratch.h"
#include "cuda/strided.h"

namespace pe {

// A reducer whose input, partial results and output are of one type, and map and finish change nothing.
template <class T>
struct Plain {
  using In = T;
  using Acc = T;
  using Out = T;
  static __device__ T map(T x) { return x; }
  static __host__ __device__ T finish(T total) { return total; }
};

namespace detail {

constexpr int kEach = 16;     // elements of one thread
constexpr int kWays = 4;      // its accumulators: additions that do not wait for each other
constexpr int kColumns = 32;  // outputs side by side in a block that reduces columns, a warp's
constexpr int kColumnLanes = kThreads / kColumns;

// What a launch reduces: output k of `outputs` is that of the elements kept(k) + reduced(l) for l in [0, length).
struct ReduceShape {
  int64_t outputs, length, segments;
};

// Reads the array itself, or what an earlier launch left; the same kernels do both for a plain reducer.
template <class R>
struct FirstPass {
  using Value = typename R::In;
  static __device__ typename R::Acc map(Value x) { return R::map(x); }
};
template <class R>
struct LaterPass {
  using Value = typename R::Acc;
  static __device__ Value map(Value x) { return x; }
};
template <class R>
using PassAfter = std::conditional_t<std::is_base_of_v<Plain<typename R::In>, R>, FirstPass<R>, LaterPass<R>>;

// The elements first, first + step, … before `end` of the array that starts at `from`.
template <class R, class Pass>
__device__ inline typename R::Acc accumulate(const typename Pass::Value* from, const Strided<1>& reduced, int64_t first,
                                             int64_t step, int64_t end) {
  typename R::Acc acc[kWays];
#pragma unroll
  for (auto& one : acc) one = R::identity();
  if (reduced.ndim == 1 && first + (kEach - 1) * step < end) {
    const auto* p = from + first * reduced.strides[0][0];
    const int64_t apart = step * reduced.strides[0][0];
#pragma unroll
    for (int j = 0; j < kEach; ++j) acc[j % kWays] = R::combine(acc[j % kWays], Pass::map(p[j * apart]));
  } else {
    // Accumulators take turns by moving on, since registers cannot be indexed.
#pragma unroll 1
    for (int64_t l = first; l < end; l += step) {
      const auto next = R::combine(acc[0], Pass::map(from[reduced.offsets(l)[0]]));
      acc[0] = acc[1], acc[1] = acc[2], acc[2] = acc[3], acc[3] = next;
    }
  }
  return R::combine(R::combine(acc[0], acc[1]), R::combine(acc[2], acc[3]));
}

// The result of a segment: to the output where it is the only one, else kept for the next launch.
template <class R>
__device__ inline void leave(const ReduceShape& shape, typename R::Acc total, int64_t k, int64_t segment,
                             const Strided<2>& kept, int64_t at, typename R::Acc* partial) {
  if (shape.segments == 1) {
    kept.data<typename R::Out>(1)[at] = R::finish(total);
  } else {
    partial[segment * shape.outputs + k] = total;
  }
}

// A group of kGroup threads (1, a warp or a block) takes one segment of one output.
template <class R, class Pass, int kGroup>
__global__ void __launch_bounds__(kThreads)
    reduce_rows(Strided<2> kept, Strided<1> reduced, ReduceShape shape, typename R::Acc* partial) {
  // Only blocks share the segments of an output. Their number and a block's fit in 32 bits, which divide faster.
  const auto segments = kGroup < kThreads ? 1u : static_cast<unsigned>(shape.segments);
  const int64_t k = kGroup < kThreads ? grid_thread() / kGroup : blockIdx.x / segments;
  const int64_t segment = kGroup < kThreads ? 0 : blockIdx.x % segments;
  const bool inside = k < shape.outputs;  // all of a block or a warp, or none of it
  if (!inside) return;
  const int lane = static_cast<int>(threadIdx.x) % kGroup;
  const auto at = kept.offsets(k);
  const auto* from = kept.data<const typename Pass::Value>(0) + at[0];
  const int64_t begin = segment * kGroup * kEach, end = std::min(begin + kGroup * kEach, shape.length);
  auto total = accumulate<R, Pass>(from, reduced, begin + lane, kGroup, end);
  const auto combine = [](typename R::Acc x, typename R::Acc y) { return R::combine(x, y); };
  if constexpr (kGroup == kWarp) total = warp_reduce(total, combine);
  if constexpr (kGroup > kWarp) total = block_reduce<kGroup>(total, combine);
  if (lane == 0) leave<R>(shape, total, k, segment, kept, at[1], partial);
}

// A block takes a segment of 32 neighbouring outputs: a warp's threads neighbours in memory, its warps other elements.
template <class R, class Pass>
__global__ void __launch_bounds__(kThreads)
    reduce_columns(Strided<2> kept, Strided<1> reduced, ReduceShape shape, typename R::Acc* partial) {
  using Acc = typename R::Acc;
  __shared__ Acc shared[kColumnLanes][kColumns];
  const int column = static_cast<int>(threadIdx.x) % kColumns, lane = static_cast<int>(threadIdx.x) / kColumns;
  const auto strips = static_cast<unsigned>(ceil_div(shape.outputs, kColumns));
  const int64_t segment = blockIdx.x / strips, k = int64_t{blockIdx.x % strips} * kColumns + column;
  const bool inside = k < shape.outputs;
  const auto at = kept.offsets(inside ? k : 0);
  if (inside) {
    const auto* from = kept.data<const typename Pass::Value>(0) + at[0];
    const int64_t begin = segment * kColumnLanes * kEach, end = std::min(begin + kColumnLanes * kEach, shape.length);
    shared[lane][column] = accumulate<R, Pass>(from, reduced, begin + lane, kColumnLanes, end);
  }
  __syncthreads();
  if (lane != 0 || !inside) return;
  Acc total[kColumnLanes];
#pragma unroll
  for (int i = 0; i < kColumnLanes; ++i) total[i] = shared[i][column];
#pragma unroll
  for (int half = kColumnLanes / 2; half > 0; half /= 2)
#pragma unroll
    for (int i = 0; i < half; ++i) total[i] = R::combine(total[i], total[i + half]);
  leave<R>(shape, total[0], k, segment, kept, at[1], partial);
}

template <class T>
__global__ void fill(Strided<1> out, T value) {
  for (int64_t i = grid_thread(); i < out.size; i += grid_threads()) out.data<T>(0)[out.offsets(i)[0]] = value;
}

inline constexpr int64_t kFewColumns = kColumns / 2;  // below it a warp that takes columns would mostly idle

// Launches over `kept` and `reduced`; the partial results of several segments become the array of the next pass.
template <class R, class Pass>
void reduce_pass(const Strided<2>& kept, const Strided<1>& reduced, bool columns) {
  using Acc = typename R::Acc;
  ReduceShape shape{kept.size, reduced.size, 1};
  const int64_t most = columns ? kColumnLanes * kEach : shape.length <= kEach ? kEach : kThreads * kEach;
  shape.segments = ceil_div(shape.length, most);
  DeviceScratch<Acc> partial(shape.segments == 1 ? 0 : shape.segments * shape.outputs);
  const auto start = [&](auto kernel, int64_t groups, int64_t groups_per_block) {
    enqueue(kernel, static_cast<unsigned>(ceil_div(groups, groups_per_block)), kThreads)(kept, reduced, shape,
                                                                                         partial.data());
  };
  if (columns) {
    start(reduce_columns<R, Pass>, ceil_div(shape.outputs, kColumns) * shape.segments, 1);
  } else if (shape.length <= kEach) {
    start(reduce_rows<R, Pass, 1>, shape.outputs, kThreads);
  } else if (shape.length <= kWarp * kEach) {
    start(reduce_rows<R, Pass, kWarp>, shape.outputs, kThreads / kWarp);
  } else {
    start(reduce_rows<R, Pass, kThreads>, shape.outputs * shape.segments, 1);
  }
  if (shape.segments == 1) return;
  // partial[segment, output]
  Strided<2> outputs = kept;
  outputs.base[0] = partial.data();
  outputs.lay_densely(0);
  Strided<1> segments = reduced;
  segments.size = segments.shape[0] = shape.segments;
  segments.ndim = 1;
  segments.strides[0][0] = shape.outputs;
  reduce_pass<R, PassAfter<R>>(outputs, segments, shape.outputs >= kFewColumns);
}

}  // namespace detail

// `axes` as axis_mask gives them. `out` has the axes that are left, or with keepdims all, of length 1 where reduced.
template <class R>
void reduce(In a, uint32_t axes, Out out) {
  if (out.size() == 0) return;
  if (a.size() == 0) {
    const Strided<1> walk(out);
    return enqueue(detail::fill<typename R::Out>, blocks_for(walk.size, kThreads), kThreads)(walk,
                                                                                             R::finish(R::identity()));
  }
  const Array kept = expanded(a, axes, out);
  const Array* const arrays[] = {&a, &kept};
  const Walk walk = collapse(arrays, 2);
  const Split parts = split(walk);
  const bool columns = walk.inner_stride(1) != 0 && parts.kept.inner() >= detail::kFewColumns;
  detail::reduce_pass<R, detail::FirstPass<R>>({parts.kept, {itemsize(a.dtype), itemsize(out.dtype)}},
                                               {parts.reduced, {itemsize(a.dtype)}}, columns);
}

}  // namespace pe
