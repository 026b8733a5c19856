// dropout: out[i] = a[i] / (1 - p) where word i of the stream is at least p · 2^32, else 0; bernoulli: out[i] = 1 where
// word i is below a[i] · 2^32, else 0.
//
// The cipher costs some 20 integer instructions an element against two elements of memory. A thread takes four elements
// whose words come from one block. No mask is written: the gradient makes it again from the same state.
#include "kernels/dropout.h"

#include <cmath>

#include "cuda/by_dtype.h"
#include "cuda/philox.h"
#include "cuda/strided.h"
#include "kernels/copy.h"

namespace pe {

namespace {

constexpr int kAtOnce = 4;

template <class T>
struct Drop {
  uint32_t threshold;
  T scale;
  __device__ T operator()(uint32_t word, T x) const { return word >= threshold ? x * scale : T(0); }
};

struct Chance {
  template <class T>
  __device__ T operator()(uint32_t word, T p) const {
    return static_cast<double>(word) < p * 0x1p32 ? T(1) : T(0);
  }
};

// Elements in row-major order: the words of four that follow each other, counted from the offset.
template <class T, class F>
__global__ void __launch_bounds__(kThreads) with_words(StreamState state, Strided<2> walk, F f) {
  Words stream(state);
  T* out = walk.data<T>(0);
  const T* a = walk.data<const T>(1);
  for (int64_t i = grid_thread() * kAtOnce; i < walk.size; i += grid_threads() * kAtOnce) {
    uint32_t words[kAtOnce];
    stream.take(i, words);
#pragma unroll
    for (int j = 0; j < kAtOnce; ++j) {
      if (i + j >= walk.size) break;
      const auto at = walk.offsets(i + j);
      out[at[0]] = f(words[j], a[at[1]]);
    }
  }
}

template <class T, class F>
void choose_by_words(In a, In state, const F& f, Out out) {
  if (out.size() == 0) return;
  enqueue(with_words<T, F>, blocks_for(ceil_div(out.size(), kAtOnce), kThreads), kThreads)(StreamState(state),
                                                                                           row_major(out, a), f);
}

}  // namespace

void dropout(In a, In state, double p, Out out) {
  const double border = std::nearbyint(p * 0x1p32);
  if (border > 0xFFFFFFFFp0) return full({}, 0, out.dtype, out);  // all are dropped
  by_float("dropout", a.dtype, [&](auto type) {
    using T = TypeOf<decltype(type)>;
    choose_by_words<T>(a, state, Drop<T>{static_cast<uint32_t>(border), static_cast<T>(1 / (1 - p))}, out);
  });
}

void bernoulli(In a, In state, Out out) {
  by_float("bernoulli", a.dtype, [&](auto type) { choose_by_words<TypeOf<decltype(type)>>(a, state, Chance{}, out); });
}

}  // namespace pe
