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

// term(0) + term(kLanes) + …, where term(i) is the vector of elements i, i + 1, …, the last one ending at the row's end
// with the lanes that were counted before, or lie behind a short row, left out. In every lane of the result.
template <class T, class Term>
inline Vec<T> sum_row(int64_t n, Term&& term) {
  constexpr int W = kLanes<T>;
  constexpr int kWays = 4;  // sums side by side: an addition takes about that many cycles
  if (n < W) return sum_everywhere<T>(select(lane_numbers<T>() < static_cast<T>(n), term(int64_t{0}), Vec<T>{}));
  Vec<T> total{};
  if (n % W != 0) total = select(lane_numbers<T>() >= static_cast<T>(W - n % W), term(n - W), total);
  for (int64_t begin = 0; begin + W <= n; begin += kRowChunk) {  // chunks keep the partial sums short
    const int64_t end = std::min(begin + kRowChunk, n);
    Vec<T> sums[kWays] = {};
    int64_t i = begin;
    for (; i + kWays * W <= end; i += kWays * W)
      for (int way = 0; way < kWays; ++way) sums[way] += term(i + way * W);
    for (; i + W <= end; i += W) sums[0] += term(i);
    total += (sums[0] + sums[1]) + (sums[2] + sums[3]);
  }
  return sum_everywhere<T>(total);
}

}  // namespace pe
