// Rows of a few classes, for softmax and cross-entropy: in registers, or turned so that each lane is a row.
#pragma once

#include "cpu/softmax_rows.h"

namespace pe {

// A row of n elements held in NV vectors, (NV - 1) · kLanes < n <= NV · kLanes, n >= kLanes. The last vector ends at
// the row's end, so some of its lanes may repeat elements of the one before it; sums leave those out.
template <class T, int NV>
class RegisterRow {
 public:
  static constexpr int W = kLanes<T>;

  explicit RegisterRow(int64_t n) : tail_(n - W), repeated_(lane_numbers<T>() < static_cast<T>(NV * W - n)) {}

  void load(const T* x) {
    for (int i = 0; i < NV; ++i) v[i] = pe::load(x + at(i));
  }
  void store(T* y) const {
    for (int i = 0; i < NV; ++i) pe::store(y + at(i), v[i]);
  }

  // These leave their result in every lane.
  Vec<T> max() const {
    Vec<T> best = v[0];
    for (int i = 1; i < NV; ++i) best = select(v[i] > best, v[i], best);
    return max_everywhere<T>(best);
  }
  Vec<T> sum() const {
    Vec<T> total = select(repeated_, Vec<T>{}, v[NV - 1]);
    for (int i = 0; i + 1 < NV; ++i) total += v[i];
    return sum_everywhere<T>(total);
  }

  // x becomes exp(x - max).
  RowSum<T> sum_exp() {
    const Vec<T> top = max();
    for (int i = 0; i < NV; ++i) v[i] = math::exp_nonpositive(v[i] - top);
    return {top, sum()};
  }

  Vec<T> v[NV];

 private:
  int64_t at(int i) const { return i + 1 < NV ? i * W : tail_; }

  int64_t tail_;
  decltype(Vec<T>{} < Vec<T>{}) repeated_;
};

// How a row of n elements is worked on: body.template operator()<NV>() with the number of vectors that hold it, NV = 0
// where it is shorter than one, NV = -1 where it is long.
template <class T, class Body>
inline void by_row_length(int64_t n, Body&& body) {
  constexpr int W = kLanes<T>;
  if (n < W) return body.template operator()<0>();
  switch ((n + W - 1) / W) {
    case 1:
      return body.template operator()<1>();
    case 2:
      return body.template operator()<2>();
    case 3:
      return body.template operator()<3>();
    case 4:
      return body.template operator()<4>();
    default:
      return body.template operator()<-1>();
  }
}

// Rows shorter than a vector. tile[j * kLanes + l] is element j of row `first` + l; lanes beyond the last row repeat
// it.
template <class T>
inline void load_rows(const Rows<const T>& x, int64_t first, int64_t rows, T* tile) {
  constexpr int W = kLanes<T>;
  for (int64_t l = 0; l < W; ++l) copy_strided(x[first + std::min(l, rows - 1)], x.stride, tile + l, W, x.length);
}

template <class T>
inline void store_rows(const T* tile, const Rows<T>& y, int64_t first, int64_t rows) {
  constexpr int W = kLanes<T>;
  for (int64_t l = 0; l < rows; ++l) copy_strided(tile + l, W, y[first + l], y.stride, y.length);
}

// tile = exp(tile - max), each lane for itself.
template <class T>
inline RowSum<T> sum_exp_tile(T* tile, int64_t n) {
  constexpr int W = kLanes<T>;
  Vec<T> max = splat(kLowest<T>);
  for (int64_t j = 0; j < n; ++j) {
    const Vec<T> x = load(tile + j * W);
    max = select(x > max, x, max);
  }
  Vec<T> sum{};
  for (int64_t j = 0; j < n; ++j) {
    const Vec<T> e = math::exp_nonpositive(load(tile + j * W) - max);
    store(tile + j * W, e);
    sum += e;
  }
  return {max, sum};
}

}  // namespace pe
