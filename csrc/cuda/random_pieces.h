// The engine behind every random kernel: out[i, …] = f(words, a[i, …]) with kWords words of the stream for an element,
// in row-major order, whatever the strides.
//
//   random_elements<float, 1>(state, Uniform{…}, out);       random_elements<float, 1>(state, Drop{…}, out, a);
//
// A thread makes a piece of 16 bytes. f(const uint32_t* words, T* values) gets the words of all its elements, and
// leaves these in `values`, where it finds the elements of `a`. Seed and offset are read on the device.
#pragma once

#include "cuda/by_dtype.h"
#include "cuda/philox.h"
#include "cuda/strided.h"

namespace pe {

namespace detail {

struct GeneratorState {
  const int64_t* data;
  int64_t stride;
};

template <int kWords, class T, class F, class... Rest>
__global__ void __launch_bounds__(kThreads)
    random_kernel(Strided<1 + sizeof...(Rest)> walk, GeneratorState state, bool in_packs, F f) {
  constexpr int N = 16 / sizeof(T), kOperands = 1 + sizeof...(Rest);
  const uint64_t seed = static_cast<uint64_t>(state.data[0]), offset = static_cast<uint64_t>(state.data[state.stride]);
  for (int64_t first = grid_thread() * N; first < walk.size; first += grid_threads() * N) {
    const PhiloxWords<N * kWords> words(seed, offset + static_cast<uint64_t>(first) * kWords);
    const bool whole = in_packs && first + N <= walk.size;
    Pack<T, N> values{};
    if constexpr (kOperands > 1) {
      const T* a = walk.template data<const T>(1);
      if (whole) {
        values = load_pack<N>(a + first);
      } else {
#pragma unroll
        for (int k = 0; k < N; ++k)
          if (first + k < walk.size) values.values[k] = a[walk.offsets(first + k)[1]];
      }
    }
    f(words.values, values.values);
    T* out = walk.template data<T>(0);
    if (whole) {
      store_pack(out + first, values);
    } else {
#pragma unroll
      for (int k = 0; k < N; ++k)
        if (first + k < walk.size) out[walk.offsets(first + k)[0]] = values.values[k];
    }
  }
}

}  // namespace detail

// The inputs, at most one, have the shape of `out`.
template <class T, int kWords, class F, class... Ins>
void random_elements(In state, const F& f, Out out, const Ins&... ins) {
  constexpr int N = 16 / sizeof(T), kOperands = 1 + sizeof...(Ins);
  if (out.size() == 0) return;
  const Strided<kOperands> walk = walk_in_order(out, ins...);
  bool in_packs = true;
  for (int op = 0; op < kOperands; ++op) in_packs &= walk.is_dense(op) && is_aligned(walk.base[op], 16);
  enqueue(detail::random_kernel<kWords, T, F, Ins...>, blocks_for(ceil_div(walk.size, N), kThreads), kThreads)(
      walk, {state.as<const int64_t>(), state.strides[0]}, in_packs, f);
}

}  // namespace pe
