// Rows for kernels that work on whole vectors: each lies side by side and is at least a vector long, in place where it
// is so already, else in a buffer; and sums over such a row.
#pragma once

#include "cpu/softmax_rows.h"

namespace pe {

// What a buffer for one row takes: its elements, or a vector where it has fewer.
template <class T>
inline int64_t padded_length(int64_t n) {
  return std::max<int64_t>(n, kLanes<T>);
}

// Row r; where it is shorter than a vector, lanes n, n + 1, … hold `filler`.
template <class T>
inline const T* padded(const Rows<const T>& rows, int64_t r, T* buffer, T filler) {
  if (rows.stride == 1 && rows.length >= kLanes<T>) return rows[r];
  copy_strided(rows[r], rows.stride, buffer, 1, rows.length);
  std::fill(buffer + rows.length, buffer + padded_length<T>(rows.length), filler);
  return buffer;
}

// Where row r of a result is made, to be finished by put_padded.
template <class T>
inline T* padded_target(const Rows<T>& rows, int64_t r, T* buffer) {
  return rows.stride == 1 && rows.length >= kLanes<T> ? rows[r] : buffer;
}

template <class T>
inline void put_padded(const T* values, const Rows<T>& rows, int64_t r) {
  if (values != rows[r]) copy_strided(values, 1, rows[r], rows.stride, rows.length);
}

template <class T, int K>
struct Several {
  Vec<T> v[K];
};

// K sums over a row in one pass: term(0) + term(kLanes) + …, where term(i) gives K vectors of elements i, i + 1, …, the
// last ones ending at the row's end with the lanes that were counted before, or lie behind a short row, left out. In
// every lane of the results.
template <class T, int K, class Term>
inline Several<T, K> sums_of_row(int64_t n, const Term& term) {
  constexpr int W = kLanes<T>;
  constexpr int kWays = K == 1 ? 4 : 2;  // sums side by side: an addition takes about 4 cycles
  using Sums = Several<T, K>;
  const auto add = [](Sums& to, const Sums& more) {
    for (int k = 0; k < K; ++k) to.v[k] += more.v[k];
  };
  Sums total{};
  if (n < W || n % W != 0) {
    const Sums edge = term(std::max<int64_t>(n - W, 0));
    const auto counted = n < W ? lane_numbers<T>() < static_cast<T>(n) : lane_numbers<T>() >= static_cast<T>(W - n % W);
    for (int k = 0; k < K; ++k) total.v[k] = select(counted, edge.v[k], Vec<T>{});
  }
  for (int64_t begin = 0; begin + W <= n; begin += kRowChunk) {  // chunks keep the partial sums short
    const int64_t end = std::min(begin + kRowChunk, n);
    Sums sums[kWays] = {};
    int64_t i = begin;
    for (; i + kWays * W <= end; i += kWays * W)
      for (int way = 0; way < kWays; ++way) add(sums[way], term(i + way * W));
    for (; i + W <= end; i += W) add(sums[0], term(i));
    for (int step = 1; step < kWays; step *= 2)
      for (int way = 0; way < kWays; way += 2 * step) add(sums[way], sums[way + step]);
    add(total, sums[0]);
  }
  for (Vec<T>& sum : total.v) sum = sum_everywhere<T>(sum);
  return total;
}

template <class T, class Term>
inline Vec<T> sum_row(int64_t n, const Term& term) {
  return sums_of_row<T, 1>(n, [&](int64_t i) { return Several<T, 1>{{term(i)}}; }).v[0];
}

}  // namespace pe
