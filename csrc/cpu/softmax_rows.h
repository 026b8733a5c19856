// exp(x - max) and its sum over rows: what softmax and cross-entropy share.
//
// A row is cut into chunks that stay in the first-level cache: each is read from memory once, for its maximum, then
// exp(x - its own maximum) is made; when all chunks are known, one factor a chunk corrects for the row's maximum
// ("online softmax": M. Milakov, N. Gimelshein, arXiv:1805.02867).
// NaN needs no test: maxima may pass over it, but exp keeps it and the sum makes the whole row NaN.
#pragma once

#include <algorithm>
#include <limits>

#include "cpu/rows.h"
#include "cpu/shuffle.h"
#include "cpu/vec_math.h"

namespace pe {

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

// Below, n >= kLanes: the elements after the last whole vector are taken by a vector that ends at the row's end and
// overlaps it. It is loaded first, so that writing a row onto itself is safe. Results of a row stand in every lane.

template <class T>
inline Vec<T> max_of(const T* x, int64_t n) {
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
  return max_everywhere<T>(select(other > best, other, best));
}

// y = exp(x - shift) where kStore, and the sum of that. No x exceeds `shift`, unless one is NaN. As it reads what is in
// cache already, it fetches the next n elements meanwhile: memory would be idle.
template <bool kStore, class T>
inline Vec<T> exp_and_sum(const T* x, T* y, int64_t n, Vec<T> shift) {
  constexpr int W = kLanes<T>;
  const Vec<T> tail = math::exp_flushed(load(x + n - W) - shift);
  Vec<T> sum = select(lane_numbers<T>() >= static_cast<T>(W - n % W), tail, Vec<T>{}), other{};
  int64_t i = 0;
  for (; i + 2 * W <= n; i += 2 * W) {
    __builtin_prefetch(x + n + i);
    const Vec<T> e = math::exp_flushed(load(x + i) - shift), f = math::exp_flushed(load(x + i + W) - shift);
    if constexpr (kStore) {
      store(y + i, e);
      store(y + i + W, f);
    }
    sum += e;
    other += f;
  }
  if (i + W <= n) {
    const Vec<T> e = math::exp_flushed(load(x + i) - shift);
    if constexpr (kStore) store(y + i, e);
    sum += e;
  }
  if constexpr (kStore) store(y + n - W, tail);
  return sum_everywhere<T>(sum + other);
}

template <class T>
inline void scale(T* y, int64_t n, Vec<T> factor) {
  cpu::put_row(y, n, false, [&](int64_t i) { return load(y + i) * factor; });
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

// max(x) and sum(exp(x - max)): of one row in every lane, or of kLanes rows, each in its lane.
template <class T>
struct RowSum {
  Vec<T> max, sum;
};

// One pass over a row. With kStore, y = exp(x - maximum of its chunk); maxima[chunk_count(n)] receives those maxima.
template <bool kStore, class T>
inline RowSum<T> sum_exp_row(const T* x, T* y, int64_t n, T* maxima) {
  const Vec<T> lowest = splat(kLowest<T>);
  RowSum<T> row{lowest, Vec<T>{}};
  for (int64_t c = 0; c < chunk_count(n); ++c) {
    const auto [begin, size] = chunk_of(n, c);
    const Vec<T> top = max_of(x + begin, size);
    // a chunk of nothing but -inf: -inf - -inf would be NaN where exp must give 0
    const Vec<T> shift = select(top == lowest, Vec<T>{}, top);
    const Vec<T> sum = exp_and_sum<kStore>(x + begin, kStore ? y + begin : y, size, shift);
    if (chunk_count(n) == 1) return {top, sum};
    maxima[c] = first_lane<T>(top);
    const Vec<T> max = select(top > row.max, top, row.max);
    const Vec<T> before = row.sum * math::exp_flushed(row.max - max), now = sum * math::exp_flushed(top - max);
    row = {max, c == 0 ? sum : before + now};
  }
  return row;
}

// y, as sum_exp_row left it, times exp(maximum of its chunk - maximum of the row) · factor.
template <class T>
inline void scale_row(T* y, int64_t n, const RowSum<T>& row, const T* maxima, Vec<T> factor) {
  if (chunk_count(n) == 1) return scale(y, n, factor);
  for (int64_t c = 0; c < chunk_count(n); ++c) {
    const auto [begin, size] = chunk_of(n, c);
    scale<T>(y + begin, size, math::exp_flushed(splat(maxima[c]) - row.max) * factor);
  }
}

// A row that may have gaps as one without: itself, or its copy in `buffer`.
template <class T>
inline const T* gathered(const Rows<const T>& rows, int64_t r, T* buffer) {
  if (rows.stride == 1) return rows[r];
  copy_strided(rows[r], rows.stride, buffer, 1, rows.length);
  return buffer;
}

// Where a row of results is made: in place, or in `buffer` if it has gaps, to be scattered afterwards.
template <class T>
inline T* target(const Rows<T>& rows, int64_t r, T* buffer) {
  return rows.stride == 1 ? rows[r] : buffer;
}
template <class T>
inline void scatter(const T* values, const Rows<T>& rows, int64_t r) {
  if (rows.stride != 1) copy_strided(values, 1, rows[r], rows.stride, rows.length);
}

}  // namespace pe
