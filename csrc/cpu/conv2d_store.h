// Sums of a channel_tile, in which a pixel's channels are neighbours, to results, in which a channel's pixels are:
// squares of L pixels by L channels are turned over in registers. Bias and ReLU come on the way.
#pragma once

#include <algorithm>

#include "core/vec.h"
#include "cpu/conv2d_geometry.h"
#include "cpu/conv2d_tile.h"
#include "cpu/matmul_pack.h"

namespace pe::conv {

// Some channels of a band of results.
template <class T>
struct Result {
  T* data;
  int64_t channel;
  Pair stride, size;
  int64_t channels;
  const T* bias;  // of a whole panel; nullptr: none
  bool relu;
};

// L pixels of L channels, of which `channels` exist, at `out`.
template <class T>
inline void store_square(const T* sums, const T* bias, bool relu, int64_t channels, int64_t channel, T* out) {
  constexpr int L = kLanes<T>;
  Vec<T> r[L];
#pragma GCC unroll 16
  for (int i = 0; i < L; ++i) r[i] = load(sums + i * kPanel<T>);
  if (bias) {
    const Vec<T> b = load(bias);
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i) r[i] += b;
  }
  if (relu) {
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i) r[i] = r[i] <= Vec<T>{} ? Vec<T>{} : r[i];  // a NaN stays
  }
  gemm::transpose_rounds<T>(r);
  if (channels >= L) {
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i) store(out + i * channel, r[gemm::transposed_row<T>(i)]);
  } else {
    for (int i = 0; i < channels; ++i) store(out + i * channel, r[gemm::transposed_row<T>(i)]);
  }
}

// `count` neighbouring pixels of a row, `step` apart in the result.
template <class T>
void store_run(const T* sums, int64_t count, const Result<T>& to, T* out, int64_t step) {
  constexpr int64_t L = kLanes<T>;
  if (step == 1 && count >= L) {
    for (int64_t c = 0; c < to.channels; c += L)
      for (int64_t i = 0; i < count; i += L) {
        const int64_t p = std::min(i, count - L);
        store_square(sums + p * kPanel<T> + c, to.bias ? to.bias + c : nullptr, to.relu, to.channels - c, to.channel,
                     out + c * to.channel + p);
      }
    return;
  }
  for (int64_t c = 0; c < to.channels; ++c)
    for (int64_t i = 0; i < count; ++i) {
      T y = sums[i * kPanel<T> + c];
      if (to.bias) y += to.bias[c];
      out[c * to.channel + i * step] = to.relu && y <= T{} ? T{} : y;
    }
}

// Pixels [first, first + count) of the band, counted row by row.
template <class T>
void store_channels(const T* sums, int64_t first, int64_t count, const Result<T>& to) {
  if (to.stride.h == to.size.w * to.stride.w)  // the rows go on evenly
    return store_run(sums, count, to, to.data + first * to.stride.w, to.stride.w);
  for (int64_t end = first + count; first < end;) {
    const int64_t y = first / to.size.w, x = first % to.size.w, run = std::min(to.size.w - x, end - first);
    store_run(sums, run, to, to.data + y * to.stride.h + x * to.stride.w, to.stride.w);
    first += run;
    sums += run * kPanel<T>;
  }
}

}  // namespace pe::conv
