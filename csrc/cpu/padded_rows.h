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

// Three such sums in one pass: term(i, a, b, c) sets the vectors of elements i, i + 1, …
template <class T, class Term>
inline void three_sums_of_row(int64_t n, const Term& term, Vec<T>& a, Vec<T>& b, Vec<T>& c) {
  constexpr int W = kLanes<T>;
  a = b = c = Vec<T>{};
  if (n < W || n % W != 0) {
    Vec<T> x, y, z;
    term(std::max<int64_t>(n - W, 0), x, y, z);
    const auto counted = n < W ? lane_numbers<T>() < static_cast<T>(n) : lane_numbers<T>() >= static_cast<T>(W - n % W);
    a = select(counted, x, a);
    b = select(counted, y, b);
    c = select(counted, z, c);
  }
  for (int64_t begin = 0; begin + W <= n; begin += kRowChunk) {
    const int64_t end = std::min(begin + kRowChunk, n);
    Vec<T> a0{}, b0{}, c0{}, a1{}, b1{}, c1{}, x, y, z;
    int64_t i = begin;
    for (; i + 2 * W <= end; i += 2 * W) {
      term(i, x, y, z);
      a0 += x, b0 += y, c0 += z;
      term(i + W, x, y, z);
      a1 += x, b1 += y, c1 += z;
    }
    if (i + W <= end) {
      term(i, x, y, z);
      a0 += x, b0 += y, c0 += z;
    }
    a += a0 + a1, b += b0 + b1, c += c0 + c1;
  }
  a = sum_everywhere<T>(a), b = sum_everywhere<T>(b), c = sum_everywhere<T>(c);
}

}  // namespace pe
