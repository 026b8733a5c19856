// A 3 × 3 kernel at stride 1 over one channel, as of a depthwise convolution.
//
//   x = row y + 2 of the copy    result y: Σ so far + w[2] · x    result y + 1: Σ so far + w[1] · x    y + 2: w[0] · x
//
// Tiles (conv2d_tile.h) load a vector of pixels for each of the nine steps, more than they can multiply. Here three
// rows of results are under way, one below the other, and a row of the copy is loaded once for all of them: three loads
// for nine steps. Each result is summed in the order of the steps all the same.
#pragma once

#include "core/vec.h"
#include "cpu/conv2d_store.h"

namespace pe::conv {

inline constexpr int kSlideVectors = 2;  // columns of vectors side by side: one has to wait for its own sums

// The columns of vectors at columns[0 … V) of all rows of `to`; `from` is where its first result begins in the copy.
template <class T, int V>
[[gnu::noinline]] void slide_columns(const T* weights, const T* from, int64_t pitch, const int64_t* columns,
                                     const Result<T>& to) {
  const Vec<T> bias = splat(to.bias ? *to.bias : T{});
  const bool biased = to.bias, relu = to.relu;
  Vec<T> w[9], last[V] = {}, middle[V] = {}, first[V] = {};
#pragma GCC unroll 9
  for (int s = 0; s < 9; ++s) w[s] = splat(weights[s]);
  for (int64_t y = -2; y < to.size.h; ++y, from += pitch)
#pragma GCC unroll 2
    for (int j = 0; j < V; ++j) {
      const T* p = from + columns[j];
      const Vec<T> x0 = load(p), x1 = load(p + 1), x2 = load(p + 2);
      last[j] = middle[j], middle[j] = first[j], first[j] = Vec<T>{};
      last[j] += w[6] * x0, middle[j] += w[3] * x0, first[j] += w[0] * x0;
      last[j] += w[7] * x1, middle[j] += w[4] * x1, first[j] += w[1] * x1;
      last[j] += w[8] * x2, middle[j] += w[5] * x2, first[j] += w[2] * x2;
      if (y < 0) continue;
      Vec<T> sum = biased ? last[j] + bias : last[j];
      if (relu) sum = sum <= Vec<T>{} ? Vec<T>{} : sum;  // a NaN stays
      store(to.data + y * to.stride.h + columns[j], sum);
    }
}

}  // namespace pe::conv
