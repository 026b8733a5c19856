// dropout: out[i] = a[i] / (1 - p) where word i of the stream is at least p · 2^32, else 0; bernoulli: out[i] = 1 where
// word i is below a[i] · 2^32, else 0.
//
// About 20 integer operations of the cipher for each element against two elements of memory, so the two take about the
// same time. No mask is ever written, since the gradient makes it again from the same state.
#include "kernels/dropout.h"

#include <cmath>

#include "cuda/random_pieces.h"
#include "kernels/copy.h"

namespace pe {

namespace {

template <class T>
struct Drop {
  uint32_t threshold;
  T scale;
  __device__ void operator()(const uint32_t* words, T* values) const {
#pragma unroll
    for (int k = 0; k < 16 / static_cast<int>(sizeof(T)); ++k)
      values[k] = words[k] >= threshold ? values[k] * scale : T(0);
  }
};

template <class T>
struct Below {
  __device__ void operator()(const uint32_t* words, T* values) const {
#pragma unroll
    for (int k = 0; k < 16 / static_cast<int>(sizeof(T)); ++k)
      values[k] = static_cast<double>(words[k]) < values[k] * 0x1p32 ? T(1) : T(0);
  }
};

}  // namespace

void dropout(In a, In state, double p, Out out) {
  const double border = std::nearbyint(p * 0x1p32);
  if (border > 0xFFFFFFFFp0) return full({}, 0, out.dtype, out);  // all are dropped
  by_float("dropout", a.dtype, [&](auto type) {
    using T = TypeOf<decltype(type)>;
    const Drop<T> drop{static_cast<uint32_t>(border), static_cast<T>(1 / (1 - p))};
    random_elements<T, 1>(state, drop, out, a);
  });
}

void bernoulli(In a, In state, Out out) {
  by_float("bernoulli", a.dtype, [&](auto type) {
    using T = TypeOf<decltype(type)>;
    random_elements<T, 1>(state, Below<T>{}, out, a);
  });
}

}  // namespace pe
