// Moving items between memory that is strided and buffers that are not; items of 1, 2, 4 or 8 bytes, strides in bytes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "cpu/lanes.h"
#include "cpu/transpose.h"

namespace pe::cpu {

namespace detail {

template <class Item>
inline Item read(const char* from) {
  Item item;
  std::memcpy(&item, from, sizeof(Item));
  return item;
}

template <class V, size_t... i>
inline V even_lanes(V a, V b, std::index_sequence<i...>) {
  return __builtin_shufflevector(a, b, (2 * i)...);
}

template <class V, size_t... i>
inline V reversed_lanes(V v, std::index_sequence<i...>) {
  return __builtin_shufflevector(v, v, (sizeof...(i) - 1 - i)...);
}

// Every second item, and items backwards, are the strides that whole vectors can serve. Return how many were moved.
template <class Item>
inline int64_t copy_even(char* to, const char* from, int64_t n) {
  constexpr int kN = kLanes<Item>;
  int64_t i = 0;
  for (; i + kN < n; i += kN) {  // the last lane read is item 2·(i + kN) - 1, which exists if item i + kN does
    const char* p = from + 2 * i * static_cast<int64_t>(sizeof(Item));
    const auto v =
        even_lanes(load_lanes<Item, kN>(p), load_lanes<Item, kN>(p + kVecBytes), std::make_index_sequence<kN>{});
    store_lanes<Item, kN>(to + i * static_cast<int64_t>(sizeof(Item)), v);
  }
  return i;
}

template <class Item>
inline int64_t copy_reversed(char* to, const char* from, int64_t n) {
  constexpr int kN = kLanes<Item>;
  int64_t i = 0;
  for (; i + kN <= n; i += kN) {
    const char* p = from - (i + kN - 1) * static_cast<int64_t>(sizeof(Item));
    const auto v = reversed_lanes(load_lanes<Item, kN>(p), std::make_index_sequence<kN>{});
    store_lanes<Item, kN>(to + i * static_cast<int64_t>(sizeof(Item)), v);
  }
  return i;
}

template <class Item>
inline void copy_items(char* to, int64_t to_stride, const char* from, int64_t from_stride, int64_t n) {
  constexpr int64_t kSize = sizeof(Item);
  int64_t i = 0;
  if (to_stride == kSize) {
    if (from_stride == 0) {
      const auto v = read<Item>(from) - Lanes<Item, kLanes<Item>>{};
      for (; i + kLanes<Item> <= n; i += kLanes<Item>) store_lanes<Item, kLanes<Item>>(to + i * kSize, v);
      if (i < n) std::memcpy(to + i * kSize, &v, static_cast<size_t>(n - i) * kSize);
      return;
    }
    if (from_stride == 2 * kSize) i = copy_even<Item>(to, from, n);
    if (from_stride == -kSize) i = copy_reversed<Item>(to, from, n);
  }
  to += i * to_stride;
  from += i * from_stride;
  for (; i + 4 <= n; i += 4, to += 4 * to_stride, from += 4 * from_stride) {
    const Item a = read<Item>(from), b = read<Item>(from + from_stride);
    const Item c = read<Item>(from + 2 * from_stride), d = read<Item>(from + 3 * from_stride);
    std::memcpy(to, &a, kSize);
    std::memcpy(to + to_stride, &b, kSize);
    std::memcpy(to + 2 * to_stride, &c, kSize);
    std::memcpy(to + 3 * to_stride, &d, kSize);
  }
  for (; i < n; ++i, to += to_stride, from += from_stride) std::memcpy(to, from, kSize);
}

// Rows of one repeated item each. Writes whole vectors, so up to a vector past the end; the next row covers that.
template <class Item>
inline void fill_rows(char* to, int64_t to_row, const char* from, int64_t from_row, int64_t rows, int64_t columns) {
  for (int64_t row = 0; row < rows; ++row, to += to_row, from += from_row) {
    const Lanes<Item, kLanes<Item>> v = read<Item>(from) - Lanes<Item, kLanes<Item>>{};
    for (int64_t at = 0; at < columns * static_cast<int64_t>(sizeof(Item)); at += kVecBytes)
      store_lanes<Item, kLanes<Item>>(to + at, v);
  }
}

[[gnu::noinline]] inline void copy_strided(char* to, int64_t to_stride, const char* from, int64_t from_stride,
                                           int64_t n, int64_t size) {
  switch (size) {
    case 1:
      return copy_items<uint8_t>(to, to_stride, from, from_stride, n);
    case 2:
      return copy_items<uint16_t>(to, to_stride, from, from_stride, n);
    case 4:
      return copy_items<uint32_t>(to, to_stride, from, from_stride, n);
    default:
      return copy_items<uint64_t>(to, to_stride, from, from_stride, n);
  }
}

// memcpy. Where the C library takes "rep movsb" for long copies, as glibc does on some processors, a copy to a place a
// few bytes behind its source modulo 4096 takes 14 times as long (Zen 3); plain vectors do not mind.
inline void copy_bytes(char* to, const char* from, int64_t n) {
  constexpr int64_t kLong = 2048, kStep = 4 * kVecBytes;
  int64_t i = 0;
  if (n >= kLong) {
    for (; i + kStep <= n; i += kStep) {
      Lanes<uint8_t, kVecBytes> v[4];
#pragma GCC unroll 4
      for (int k = 0; k < 4; ++k) v[k] = load_lanes<uint8_t, kVecBytes>(from + i + k * kVecBytes);
#pragma GCC unroll 4
      for (int k = 0; k < 4; ++k) store_lanes<uint8_t, kVecBytes>(to + i + k * kVecBytes, v[k]);
    }
  }
  std::memcpy(to + i, from + i, static_cast<size_t>(n - i));
}

}  // namespace detail

// n items from one run of memory to another, which do not overlap.
inline void copy_run(char* to, int64_t to_stride, const char* from, int64_t from_stride, int64_t n, int64_t size) {
  if (to_stride == size && from_stride == size) {
    detail::copy_bytes(to, from, n * size);
  } else {
    detail::copy_strided(to, to_stride, from, from_stride, n, size);
  }
}

// What a buffer needs beyond its items so that gather may write whole vectors.
inline constexpr int64_t kGatherSlack = kVecBytes;

// rows × columns items into a buffer whose rows are `to_row` bytes apart. Reads in whichever order memory likes.
[[gnu::noinline]] inline void gather(char* to, int64_t to_row, const char* from, int64_t from_row, int64_t from_column,
                                     int64_t rows, int64_t columns, int64_t size) {
  if (from_column == 0) {
    switch (size) {
      case 1:
        return detail::fill_rows<uint8_t>(to, to_row, from, from_row, rows, columns);
      case 2:
        return detail::fill_rows<uint16_t>(to, to_row, from, from_row, rows, columns);
      case 4:
        return detail::fill_rows<uint32_t>(to, to_row, from, from_row, rows, columns);
      default:
        return detail::fill_rows<uint64_t>(to, to_row, from, from_row, rows, columns);
    }
  }
  const int64_t row_bytes = columns * size;
  if (from_row == 0 && to_row == row_bytes) {  // one row, repeated: each copy doubles what is there
    copy_run(to, size, from, from_column, columns, size);
    for (int64_t done = row_bytes, all = rows * row_bytes; done < all; done *= 2)
      std::memcpy(to + done, to, static_cast<size_t>(std::min(done, all - done)));
    return;
  }
  if (from_row == size && from_column != size) return transpose(to, to_row, from, from_column, columns, rows, size);
  for (int64_t row = 0; row < rows; ++row)
    copy_run(to + row * to_row, size, from + row * from_row, from_column, columns, size);
}

}  // namespace pe::cpu
