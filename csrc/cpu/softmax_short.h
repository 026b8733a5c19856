// Rows of a few elements, for softmax and cross-entropy: in registers, or side by side so that each lane is a row.
#pragma once

#include "cpu/softmax_rows.h"
#include "cpu/transpose.h"

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
    for (int i = 0; i < NV; ++i) v[i] = math::exp_flushed(v[i] - top);
    return {top, sum()};
  }

  Vec<T> v[NV];

 private:
  int64_t at(int i) const { return i + 1 < NV ? i * W : tail_; }

  int64_t tail_;
  decltype(Vec<T>{} < Vec<T>{}) repeated_;
};

// kLanes rows side by side: element j of row l is p[j * step + l].
template <class T>
struct Tile {
  T* p;
  int64_t step;
  T* operator[](int64_t j) const { return p + j * step; }
};

// True where rows lie side by side in memory, as those of a softmax over another than the last axis do: a vector then
// holds one element of kLanes rows with no turning.
template <class T>
inline bool side_by_side(const Rows<T>& rows, int64_t first = 0) {
  return rows.row_stride() == 1 && rows.run(first) >= kLanes<std::remove_const_t<T>>;
}

// How many rows from `first` on are taken at once: all lanes, if the end or a gap in memory does not come before.
template <class T>
inline int64_t rows_at_once(const Rows<const T>& x, int64_t first, int64_t last) {
  const int64_t rows = std::min<int64_t>(kLanes<T>, last - first);
  return side_by_side(x) ? std::min(rows, x.run(first)) : rows;
}

// Rows [first, first + rows) as a tile: where they lie, or turned over into `buffer`; unused lanes repeat the last row.
template <class T>
inline Tile<const T> load_tile(const Rows<const T>& x, int64_t first, int64_t rows, T* buffer) {
  constexpr int64_t W = kLanes<T>, kSize = sizeof(T);
  if (rows == W && side_by_side(x, first)) return {x[first], x.stride};
  if (x.stride == 1 && x.run(first) >= rows) {
    cpu::transpose(reinterpret_cast<char*>(buffer), W * kSize, reinterpret_cast<const char*>(x[first]),
                   x.row_stride() * kSize, rows, x.length, kSize);
  } else {
    for (int64_t l = 0; l < rows; ++l) copy_strided(x[first + l], x.stride, buffer + l, W, x.length);
  }
  for (int64_t l = rows; l < W; ++l) copy_strided(buffer + rows - 1, W, buffer + l, W, x.length);
  return {buffer, W};
}

// Where the results of these rows are to be made: in place, or in `buffer` for store_tile to turn over.
template <class T>
inline Tile<T> target_tile(const Rows<T>& y, int64_t first, int64_t rows, T* buffer) {
  if (rows == kLanes<T> && side_by_side(y, first)) return {y[first], y.stride};
  return {buffer, kLanes<T>};
}

template <class T>
inline void store_tile(Tile<T> tile, const Rows<T>& y, int64_t first, int64_t rows) {
  constexpr int64_t kSize = sizeof(T);
  if (tile.p == y[first]) return;
  if (y.stride == 1 && y.run(first) >= rows) {
    cpu::transpose(reinterpret_cast<char*>(y[first]), y.row_stride() * kSize, reinterpret_cast<const char*>(tile.p),
                   tile.step * kSize, y.length, rows, kSize);
  } else {
    for (int64_t l = 0; l < rows; ++l) copy_strided<T>(tile.p + l, tile.step, y[first + l], y.stride, y.length);
  }
}

// term(0) + … + term(n - 1), in parts that are short, so that rounding errors do not pile up over a long row.
template <class T, class Term>
inline Vec<T> sum_in_parts(int64_t n, Term&& term) {
  constexpr int64_t kPart = 128;
  Vec<T> sum{};
  for (int64_t begin = 0; begin < n; begin += kPart) {
    Vec<T> part{};
    for (int64_t j = begin; j < std::min(begin + kPart, n); ++j) part += term(j);
    sum += part;
  }
  return sum;
}

// e = exp(x - max), each lane for itself.
template <class T>
inline RowSum<T> sum_exp_tile(Tile<const T> x, Tile<T> e, int64_t n) {
  Vec<T> max = splat(kLowest<T>);
  for (int64_t j = 0; j < n; ++j) {
    const Vec<T> v = load(x[j]);
    max = select(v > max, v, max);
  }
  const Vec<T> sum = sum_in_parts<T>(n, [&](int64_t j) {
    const Vec<T> v = math::exp_flushed(load(x[j]) - max);
    store(e[j], v);
    return v;
  });
  return {max, sum};
}

// How rows of n elements are worked on: body.template operator()<NV>() with the number of vectors that hold one, NV = 0
// where they are taken as tiles, NV = -1 where they are long.
template <class T, class Body>
inline void by_row_length(const Rows<const T>& x, Body&& body) {
  constexpr int W = kLanes<T>;
  if (x.length < W || side_by_side(x)) return body.template operator()<0>();
  switch ((x.length + W - 1) / W) {
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

}  // namespace pe
