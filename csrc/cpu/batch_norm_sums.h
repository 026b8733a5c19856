// What batch_norm's two ways through memory share: blocks of a channel and how their sums are put together.
#pragma once

#include <algorithm>
#include <cmath>

#include "cpu/channels.h"

namespace pe {

// The elements of an array of one axis, as T.
template <class T>
struct Vector {
  explicit Vector(const Array& a) : data(a.as<T>()), stride(a.strides[0]) {}
  T& operator[](int64_t i) const { return data[i * stride]; }

  T* data;
  int64_t stride;
};

template <class T>
inline T rstd_of(T variance, double eps) {
  return T(1) / std::sqrt(variance + static_cast<T>(eps));
}

// Pieces of a channel that are summed up on their own: `size` of `total` rows, or elements, each.
struct Blocks {
  Blocks(int64_t all, int64_t at_once, int64_t elements_each)
      : total(all), size(at_once), unit(elements_each), count((all + size - 1) / size) {}
  static Blocks of_rows(int64_t rows, int64_t length) { return {rows, rows_of_block(length), length}; }

  int64_t first(int64_t block) const { return block * size; }
  int64_t last(int64_t block) const { return std::min(total, (block + 1) * size); }
  int64_t elements(int64_t block) const { return (last(block) - first(block)) * unit; }

  int64_t total, size, unit, count;
};

// Of block i of a channel sums[2 · i] is Σ a and sums[2 · i + 1] is Σ (a - mean of the block)².
template <class T>
void put_moments(const Blocks& blocks, const double* sums, T& mean, T& variance) {
  double total = 0, squares = 0, count = 0;
  for (int64_t i = 0; i < blocks.count; ++i) {
    total += sums[2 * i];
    count += static_cast<double>(blocks.elements(i));
  }
  const double centre = total / count;
  for (int64_t i = 0; i < blocks.count; ++i) {
    const auto elements = static_cast<double>(blocks.elements(i));
    const double off = sums[2 * i] / elements - centre;
    squares += sums[2 * i + 1] + elements * off * off;
  }
  mean = static_cast<T>(centre);
  variance = static_cast<T>(squares / count);
}

// The gradient of a channel, made of the sums of its blocks: sums[2 · i] is Σ g and sums[2 · i + 1] is Σ g · (a -
// mean).
//   da = scale · (g - of_bias - (a - mean) · of_weight)
template <class T>
struct ChannelGradient {
  Vector<const T> weights, means, variances;
  Vector<T> dweights, dbiases;
  double eps;
  T elements;

  void finish(int64_t channel, int64_t blocks, const double* sums) const {
    double total = 0, product = 0;
    for (int64_t i = 0; i < blocks; ++i) total += sums[2 * i], product += sums[2 * i + 1];
    dbiases[channel] = static_cast<T>(total);
    dweights[channel] = static_cast<T>(product) * rstd(channel);
  }

  T rstd(int64_t channel) const { return rstd_of(variances[channel], eps); }
  T scale(int64_t channel) const { return rstd(channel) * weights[channel]; }
  T of_bias(int64_t channel) const { return dbiases[channel] / elements; }
  T of_weight(int64_t channel) const { return dweights[channel] * rstd(channel) / elements; }
};

}  // namespace pe
