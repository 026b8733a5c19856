// max(x) and sum(exp(x - max)) of rows in one pass ("online softmax": M. Milakov, N. Gimelshein, arXiv:1805.02867):
// what softmax and cross-entropy share. A thread corrects its sum when its maximum grows; the sums of the threads of a
// row are combined as a tree.
#pragma once

#include <limits>

#include "cuda/rows.h"

namespace pe::cuda {

template <class T>
inline constexpr T kLowest = -std::numeric_limits<T>::infinity();

template <class T>
struct MaxSum {
  T max, sum;
};

// What x is taken relative to: inf - inf would be NaN where exp must give 0 or inf.
template <class T>
__device__ inline T shift_of(T max) {
  return max - max == 0 ? max : T(0);
}

struct CombineMaxSum {
  template <class T>
  __device__ MaxSum<T> operator()(MaxSum<T> a, MaxSum<T> b) const {
    const T max = a.max > b.max ? a.max : b.max, shift = shift_of(max);
    return {max, a.sum * ::exp(a.max - shift) + b.sum * ::exp(b.max - shift)};
  }
};

// Of a row, in every thread. A NaN makes the sum NaN, +inf makes it inf; a row of nothing but -inf has the sum 0.
template <class T, class S>
__device__ MaxSum<T> max_sum(const Part<T, S>& part) {
  MaxSum<T> all{kLowest<T>, T(0)};
  part.each([&](int64_t, const T* v) {
    T top = v[0];
#pragma unroll
    for (int j = 1; j < S::kN; ++j) top = v[j] > top ? v[j] : top;
    if (top > all.max) {
      all.sum *= ::exp(all.max - shift_of(top));
      all.max = top;
    }
    const T shift = shift_of(all.max);
#pragma unroll
    for (int j = 0; j < S::kN; ++j) all.sum += ::exp(v[j] - shift);
  });
  return combine_all<S>(all, CombineMaxSum{});
}

// The same, where the formula exp(x - max) is meant: a row that holds +inf, or nothing but -inf, is NaN.
template <class T, class S>
__device__ MaxSum<T> softmax_sum(const Part<T, S>& part) {
  MaxSum<T> all = max_sum(part);
  all.sum += all.max - all.max;
  return all;
}

}  // namespace pe::cuda
