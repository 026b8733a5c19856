// exp(x - max) and its sum over rows: what softmax and cross-entropy share.
//
// Two shapes of work. A long row is cut into chunks that stay in the first-level cache: each is read from memory once,
// for its maximum, then exp(x - its own maximum) is stored; when all chunks are known, one factor a chunk corrects for
// the row's maximum and for the sum ("online softmax": M. Milakov, N. Gimelshein, arXiv:1805.02867). Short rows are
// taken as many at a time as a vector has lanes, turned so that lane l is row l: no lane is idle and nothing is summed
// across lanes.
// NaN needs no test: maxima pass over it, but exp keeps it and the sum makes the whole row NaN.
#pragma once

#include <algorithm>
#include <limits>

#include "cpu/rows.h"
#include "cpu/vec_math.h"

namespace pe {

inline constexpr int64_t kShortRow = 32;    // rows up to this long are taken kLanes at a time
inline constexpr int64_t kRowChunk = 1024;  // elements of a chunk: input and output of one fit into 16 KiB

template <class T>
inline constexpr T kLowest = -std::numeric_limits<T>::infinity();

template <class T>
inline Vec<T> lane_numbers() {
  T numbers[kLanes<T>];
  for (int i = 0; i < kLanes<T>; ++i) numbers[i] = static_cast<T>(i);
  return load(numbers);
}

template <class T>
inline T first_lane(Vec<T> v) {
  T lane;
  std::memcpy(&lane, &v, sizeof(T));
  return lane;
}

// Scalars go through the vector routines, so that results do not depend on the C library.
template <class T>
inline T exp_one(T x) {
  return first_lane<T>(exp(splat(x)));
}
template <class T>
inline T log_one(T x) {
  return first_lane<T>(log(splat(x)));
}

// Below, n >= kLanes: the elements after the last whole vector are taken by a vector that ends at the row's end and
// overlaps it. It is loaded first, so that writing a row onto itself is safe.

template <class T>
inline T max_of(const T* x, int64_t n) {
  constexpr int W = kLanes<T>;
  Vec<T> best = load(x + n - W), other = best;
  int64_t i = 0;
  for (; i + 2 * W <= n; i += 2 * W) {
    const Vec<T> a = load(x + i), b = load(x + i + W);
    best = select(a > best, a, best);
    other = select(b > other, b, other);
  }
  if (i + W <= n) {
    const Vec<T> a = load(x + i);
    best = select(a > best, a, best);
  }
  best = select(other > best, other, best);
  best = select(best == best, best, splat(kLowest<T>));
  return max_lanes<T>(best);
}

// y = exp(x - shift) (where kStore), and the sum of that.
template <bool kStore, class T>
inline T exp_and_sum(const T* x, T* y, int64_t n, T shift) {
  constexpr int W = kLanes<T>;
  const Vec<T> tail = exp(load(x + n - W) - shift);
  const int64_t whole = n / W * W;
  Vec<T> sum = select(lane_numbers<T>() >= static_cast<T>(W - (n - whole)), tail, Vec<T>{});
  for (int64_t i = 0; i < whole; i += W) {
    const Vec<T> e = exp(load(x + i) - shift);
    if constexpr (kStore) store(y + i, e);
    sum += e;
  }
  if constexpr (kStore) store(y + n - W, tail);
  return sum_lanes<T>(sum);
}

template <class T>
inline void scale(T* y, int64_t n, T factor) {
  constexpr int W = kLanes<T>;
  const Vec<T> tail = load(y + n - W) * factor;
  for (int64_t i = 0; i + W <= n; i += W) store(y + i, load(y + i) * factor);
  store(y + n - W, tail);
}

// A row's chunks: all of kRowChunk elements but the last, which has up to twice as many, so that none is shorter than a
// vector.
inline int64_t chunk_count(int64_t n) { return std::max<int64_t>(n / kRowChunk, 1); }

struct RowChunk {
  int64_t begin, size;
};
inline RowChunk chunk_of(int64_t n, int64_t chunk) {
  const int64_t begin = chunk * kRowChunk;
  return {begin, chunk + 1 == chunk_count(n) ? n - begin : kRowChunk};
}

template <class T>
struct RowSum {
  T max, sum;  // of the whole row: max(x), sum(exp(x - max))
};

// One pass over x. With kStore, y = exp(x - maximum of its chunk); maxima[chunk_count(n)] receives those maxima.
template <bool kStore, class T>
inline RowSum<T> sum_exp_chunks(const T* x, T* y, int64_t n, T* maxima) {
  RowSum<T> row{kLowest<T>, T(0)};
  for (int64_t c = 0; c < chunk_count(n); ++c) {
    const auto [begin, size] = chunk_of(n, c);
    const T top = max_of(x + begin, size);
    // a chunk of nothing but -inf: -inf - -inf would be NaN where exp must give 0
    const T shift = top == kLowest<T> ? T(0) : top;
    const T sum = exp_and_sum<kStore>(x + begin, kStore ? y + begin : y, size, shift);
    maxima[c] = top;
    if (c == 0) {
      row = {top, sum};
    } else if (top > row.max) {
      row = {top, row.sum * exp_one(row.max - top) + sum};
    } else {
      row.sum += sum * exp_one(top - row.max);
    }
  }
  return row;
}

// Short rows: tile[j * kLanes + l] is element j of row `first` + l. Lanes beyond the last row repeat it.
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

template <class T>
struct ColumnSum {
  Vec<T> max, sum;  // lane by lane: max(x), sum(exp(x - max))
};

// tile = exp(tile - max), each lane for itself.
template <class T>
inline ColumnSum<T> exp_columns(T* tile, int64_t n) {
  constexpr int W = kLanes<T>;
  Vec<T> max = splat(kLowest<T>);
  for (int64_t j = 0; j < n; ++j) {
    const Vec<T> x = load(tile + j * W);
    max = select(x > max, x, max);
  }
  Vec<T> sum{};
  for (int64_t j = 0; j < n; ++j) {
    const Vec<T> e = exp(load(tile + j * W) - max);
    store(tile + j * W, e);
    sum += e;
  }
  return {max, sum};
}

}  // namespace pe
