// Turning a matrix over in memory: to[c][r] = from[r][c], for items of 1, 2, 4 or 8 bytes.
//
// A plain double loop walks one side with a stride, so it uses one item of each cache line it fetches. Here a small
// square of K × K items, K items to a 16-byte vector, is turned over in registers: log2 K rounds, each of which
// interleaves vector i with vector i + K/2. So both sides are read and written in whole vectors.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

#include "cpu/lanes.h"

namespace pe::cpu {

namespace detail {

template <class V, size_t... i>
inline V interleave_low(V a, V b, std::index_sequence<i...>) {
  return __builtin_shufflevector(a, b, (i / 2 + i % 2 * sizeof...(i))...);
}

template <class V, size_t... i>
inline V interleave_high(V a, V b, std::index_sequence<i...>) {
  return __builtin_shufflevector(a, b, (sizeof...(i) / 2 + i / 2 + i % 2 * sizeof...(i))...);
}

// The square of K × K items; strides in bytes from row to row.
template <class Item>
inline void transpose_square(char* to, int64_t to_stride, const char* from, int64_t from_stride) {
  constexpr int K = 16 / sizeof(Item);
  using V = Lanes<Item, K>;
  V rows[K], next[K];
  for (int i = 0; i < K; ++i) std::memcpy(&rows[i], from + i * from_stride, 16);
  for (int width = 1; width < K; width *= 2) {
    for (int i = 0; i < K / 2; ++i) {
      next[2 * i] = interleave_low(rows[i], rows[i + K / 2], std::make_index_sequence<K>{});
      next[2 * i + 1] = interleave_high(rows[i], rows[i + K / 2], std::make_index_sequence<K>{});
    }
    for (int i = 0; i < K; ++i) rows[i] = next[i];
  }
  for (int i = 0; i < K; ++i) std::memcpy(to + i * to_stride, &rows[i], 16);
}

template <class Item>
inline void transpose_items(char* to, int64_t to_stride, const char* from, int64_t from_stride, int64_t rows,
                            int64_t columns) {
  constexpr int64_t K = 16 / sizeof(Item), kSize = sizeof(Item);
  const int64_t whole_rows = rows / K * K, whole_columns = columns / K * K;
  for (int64_t c = 0; c < whole_columns; c += K)
    for (int64_t r = 0; r < whole_rows; r += K)
      transpose_square<Item>(to + c * to_stride + r * kSize, to_stride, from + r * from_stride + c * kSize,
                             from_stride);
  for (int64_t c = 0; c < columns; ++c)
    for (int64_t r = c < whole_columns ? whole_rows : 0; r < rows; ++r)
      std::memcpy(to + c * to_stride + r * kSize, from + r * from_stride + c * kSize, sizeof(Item));
}

}  // namespace detail

// `from` has rows × columns items, the items of a row side by side, as those of a column are in `to`; strides in bytes.
inline void transpose(char* to, int64_t to_stride, const char* from, int64_t from_stride, int64_t rows, int64_t columns,
                      int64_t size) {
  switch (size) {
    case 1:
      return detail::transpose_items<uint8_t>(to, to_stride, from, from_stride, rows, columns);
    case 2:
      return detail::transpose_items<uint16_t>(to, to_stride, from, from_stride, rows, columns);
    case 4:
      return detail::transpose_items<uint32_t>(to, to_stride, from, from_stride, rows, columns);
    default:
      return detail::transpose_items<uint64_t>(to, to_stride, from, from_stride, rows, columns);
  }
}

}  // namespace pe::cpu
