// The engine behind every elementwise kernel: out[i] = f(a[i], b[i], …) with NumPy's broadcasting.
//
//   elementwise<float, float, float>(Add{}, out, a, b);      elementwise<bool, double, double>(Less{}, out, a, b);
//
// f is an object with a __device__ operator() on elements. A thread takes a pack of elements that are neighbours in the
// output, 16 bytes of the widest operand: one access for each operand that is dense along the innermost axis, one
// element where it is repeated along it. Where an operand is neither, or its rows are not aligned, and for the last
// elements of an array that fill no pack, it takes single elements: one kernel does both, since each more takes as long
// to compile.
#pragma once

#include <utility>

#include "cuda/by_dtype.h"
#include "cuda/strided.h"

namespace pe {

namespace detail {

// The elements of one operand from `from` on; `step` is 0 where one element stands for all.
template <int N, class T>
__device__ inline Pack<T, N> load_operand(const T* from, int64_t step) {
  if (N > 1 && step != 0) return load_pack<N>(from);
  Pack<T, N> pack;
  for (T& value : pack.values) value = *from;
  return pack;
}

// N elements of the output from element i on.
template <int N, class TOut, class... TIns, class F, class Walk, class At, size_t... I>
__device__ inline void one_pack(const F& f, const Walk& walk, const At& at, std::index_sequence<I...>) {
  [[maybe_unused]] const int inner = walk.ndim - 1;
  Pack<TOut, N> result;
  const auto compute = [&](const Pack<TIns, N>&... in) {
#pragma unroll
    for (int k = 0; k < N; ++k) result.values[k] = f(in.values[k]...);
  };
  compute(load_operand<N>(walk.template data<TIns>(I + 1) + at[I + 1], walk.strides[I + 1][inner])...);
  store_pack<N>(walk.template data<TOut>(0) + at[0], result);
}

// The first `packs` · N elements of the walk in packs, the others one by one.
template <int N, class F, class TOut, class... TIns>
__global__ void __launch_bounds__(kThreads) element_kernel(Strided<1 + sizeof...(TIns)> walk, int64_t packs, F f) {
  constexpr auto ins = std::index_sequence_for<TIns...>{};
  const int64_t items = walk.size - packs * (N - 1);
  for (int64_t i = grid_thread(); i < items; i += grid_threads()) {
    const bool whole = i < packs;
    const auto at = walk.offsets(whole ? i * N : i + packs * (N - 1));
    if (whole) {
      one_pack<N, TOut, TIns...>(f, walk, at, ins);
    } else {
      one_pack<1, TOut, TIns...>(f, walk, at, ins);
    }
  }
}

// How many packs of `n` elements there are that all operands can be read and written in; their sizes are in bytes.
template <int kOperands>
[[gnu::noinline]] int64_t count_packs(const Strided<kOperands>& walk, int n, const int64_t (&sizes)[kOperands]) {
  const int inner = walk.ndim - 1;
  if (walk.ndim > 1 && walk.shape[inner] % n != 0) return 0;
  for (int op = 0; op < kOperands; ++op) {
    const int64_t step = walk.strides[op][inner];
    if (step == 0 && op > 0) continue;
    if (step != 1 || !is_aligned(walk.base[op], n * sizes[op])) return 0;
    for (int axis = 0; axis < inner; ++axis)
      if (walk.strides[op][axis] % n != 0) return 0;
  }
  return walk.size / n;
}

}  // namespace detail

// out = f(ins…) on elements of types TOut and TIns. The dtypes of the arrays must be these types'.
template <class TOut, class... TIns, class F, class... Ins>
void elementwise(const F& f, Out out, const Ins&... ins) {
  static_assert(sizeof...(TIns) == sizeof...(Ins));
  constexpr int N = 16 / static_cast<int>(std::max({sizeof(TOut), sizeof(TIns)...}));
  if (out.size() == 0) return;
  const Strided<1 + sizeof...(Ins)> walk(out, ins...);
  const int64_t packs = detail::count_packs(walk, N, {sizeof(TOut), sizeof(TIns)...});
  enqueue(detail::element_kernel<N, F, TOut, TIns...>, blocks_for(walk.size - packs * (N - 1), kThreads), kThreads)(
      walk, packs, f);
}

template <class T, class>
using Repeat = T;

// float32 and float64, inputs and output alike.
template <class F, class... Ins>
void floats(const char* kernel, const F& f, Out out, const Ins&... ins) {
  by_float(kernel, out.dtype, [&](auto type) {
    using T = TypeOf<decltype(type)>;
    elementwise<T, Repeat<T, Ins>...>(f, out, ins...);
  });
}

// These and int64.
template <class F, class... Ins>
void numbers(const char* kernel, const F& f, Out out, const Ins&... ins) {
  by_number(kernel, out.dtype, [&](auto type) {
    using T = TypeOf<decltype(type)>;
    elementwise<T, Repeat<T, Ins>...>(f, out, ins...);
  });
}

}  // namespace pe
