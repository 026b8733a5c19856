// Turning a matrix over in memory: to[c][r] = from[r][c], for items of 1, 2, 4 or 8 bytes.
//
// A plain double loop walks one side with a stride, so it uses one item of each cache line it fetches. Here a small
// square of K × K items, K items to a 16-byte vector, is turned over in registers: log2 K rounds, each of which
// interleaves vector i with vector i + K/2. Squares are taken a cache line wide and high, so that a line is read and
// written once; by way of a buffer where the output's rows would drive each other out of the cache.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

#include "cpu/lanes.h"

namespace pe::cpu {

namespace detail {

inline constexpr int64_t kLineBytes = 64;
inline constexpr int64_t kCrowdedStride = 4096;  // lines so far apart share one set of an L1 cache of 64 sets

template <class V, size_t... i>
inline V interleave_low(V a, V b, std::index_sequence<i...>) {
  return __builtin_shufflevector(a, b, (i / 2 + i % 2 * sizeof...(i))...);
}

template <class V, size_t... i>
inline V interleave_high(V a, V b, std::index_sequence<i...>) {
  return __builtin_shufflevector(a, b, (sizeof...(i) / 2 + i / 2 + i % 2 * sizeof...(i))...);
}

template <class Item>
struct Transpose {
  static constexpr int64_t kSize = sizeof(Item);
  static constexpr int K = 16 / sizeof(Item);
  static constexpr int64_t kLine = kLineBytes / kSize;

  char* to;
  int64_t to_stride;
  const char* from;
  int64_t from_stride;

  // K × K items in registers.
  void square(char* into, int64_t into_stride, int64_t row, int64_t column) const {
    Lanes<Item, K> rows[K], next[K];
#pragma GCC unroll 16
    for (int i = 0; i < K; ++i) rows[i] = load_lanes<Item, K>(from + (row + i) * from_stride + column * kSize);
#pragma GCC unroll 4
    for (int width = 1; width < K; width *= 2) {
#pragma GCC unroll 8
      for (int i = 0; i < K / 2; ++i) {
        next[2 * i] = interleave_low(rows[i], rows[i + K / 2], std::make_index_sequence<K>{});
        next[2 * i + 1] = interleave_high(rows[i], rows[i + K / 2], std::make_index_sequence<K>{});
      }
#pragma GCC unroll 16
      for (int i = 0; i < K; ++i) rows[i] = next[i];
    }
#pragma GCC unroll 16
    for (int i = 0; i < K; ++i) store_lanes<Item, K>(into + i * into_stride, rows[i]);
  }

  void line_square(int64_t row, int64_t column) const {
    if (to_stride % kCrowdedStride != 0) {
      char* into = to + column * to_stride + row * kSize;
      for (int64_t r = 0; r < kLine; r += K)
        for (int64_t c = 0; c < kLine; c += K) square(into + c * to_stride + r * kSize, to_stride, row + r, column + c);
      return;
    }
    alignas(64) char buffer[kLine][kLineBytes];
    for (int64_t r = 0; r < kLine; r += K)
      for (int64_t c = 0; c < kLine; c += K) square(&buffer[c][r * kSize], kLineBytes, row + r, column + c);
    for (int64_t c = 0; c < kLine; ++c) std::memcpy(to + (column + c) * to_stride + row * kSize, buffer[c], kLineBytes);
  }

  // The edges: rows [row, row_end) × columns [column, column_end).
  void rest(int64_t row, int64_t row_end, int64_t column, int64_t column_end) const {
    for (; column + K <= column_end; column += K) {
      int64_t r = row;
      for (; r + K <= row_end; r += K) square(to + column * to_stride + r * kSize, to_stride, r, column);
      items(r, row_end, column, column + K);
    }
    items(row, row_end, column, column_end);
  }

  void items(int64_t row, int64_t row_end, int64_t column, int64_t column_end) const {
    for (int64_t r = row; r < row_end; ++r)
      for (int64_t c = column; c < column_end; ++c)
        std::memcpy(to + c * to_stride + r * kSize, from + r * from_stride + c * kSize, sizeof(Item));
  }

  void run(int64_t rows, int64_t columns) const {
    const int64_t whole_rows = rows / kLine * kLine, whole_columns = columns / kLine * kLine;
    for (int64_t c = 0; c < whole_columns; c += kLine)
      for (int64_t r = 0; r < whole_rows; r += kLine) line_square(r, c);
    rest(whole_rows, rows, 0, whole_columns);
    rest(0, rows, whole_columns, columns);
  }
};

}  // namespace detail

// `from` has rows × columns items, the items of a row side by side, as those of a column are in `to`; strides in bytes.
[[gnu::noinline]] inline void transpose(char* to, int64_t to_stride, const char* from, int64_t from_stride,
                                        int64_t rows, int64_t columns, int64_t size) {
  switch (size) {
    case 1:
      return detail::Transpose<uint8_t>{to, to_stride, from, from_stride}.run(rows, columns);
    case 2:
      return detail::Transpose<uint16_t>{to, to_stride, from, from_stride}.run(rows, columns);
    case 4:
      return detail::Transpose<uint32_t>{to, to_stride, from, from_stride}.run(rows, columns);
    default:
      return detail::Transpose<uint64_t>{to, to_stride, from, from_stride}.run(rows, columns);
  }
}

}  // namespace pe::cpu
