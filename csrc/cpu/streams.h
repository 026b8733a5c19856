// Results larger than the caches, written past them.
//
// A store to a line that no cache holds reads the line from memory first, although all of it is overwritten: an
// addition then moves four arrays instead of three. The stores of stream() do not; but they must be of whole lines, and
// what they wrote is in no cache afterwards. So they are for results that would have left the caches by the time
// somebody reads them. They follow each other closely line by line, and come singly between loads and arithmetic:
// writing a buffer away at once makes the next loads wait.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#include "core/core_api.h"
#include "core/vec.h"

namespace pe::cpu {

inline constexpr int64_t kStreamLine = 64;  // bytes; stores of a part of a line are slow

// Whether a result of so many bytes is better written past the caches.
inline bool outgrows_caches(int64_t bytes) { return bytes > core().stream_limit(); }

// How far `p` lies behind the start of a line.
inline int64_t past_line(const void* p) {
  return static_cast<int64_t>(reinterpret_cast<uintptr_t>(p) % static_cast<uintptr_t>(kStreamLine));
}

// to[0, n) = at(0), at(kLanes), …, vectors of a row of n >= kLanes elements; past the caches if `streamed`. The last
// one ends at the row's end and overlaps its neighbour; it is made first, so that `at` may read what stands in `to`
// unless `streamed`.
template <class T, class At>
inline void put_row(T* to, int64_t n, bool streamed, const At& at) {
  constexpr int W = kLanes<T>, kVectors = static_cast<int>(kStreamLine) / kVecBytes, kStep = kVectors * W;
  constexpr int64_t kSize = sizeof(T);
  const Vec<T> tail = at(n - W);
  int64_t i = 0;
  if (streamed && n >= 2 * kStep && past_line(to) % kSize == 0) {
    const int64_t border = (kStreamLine - past_line(to)) % kStreamLine / kSize;
    for (; i < border; i += W) store(to + i, at(i));
    for (i = border; i + kStep <= n; i += kStep) {
      Vec<T> line[kVectors];
#pragma GCC unroll 4
      for (int k = 0; k < kVectors; ++k) line[k] = at(i + k * W);
#pragma GCC unroll 4
      for (int k = 0; k < kVectors; ++k)
        stream(reinterpret_cast<float*>(to + i + k * W), std::bit_cast<Vec<float>>(line[k]));
    }
  }
  for (; i + W <= n; i += W) store(to + i, at(i));
  if (i < n) store(to + n - W, tail);  // else it would fetch a line that is on its way to memory
}

// memcpy whose whole lines go past the caches.
[[gnu::noinline]] inline void stream_copy(void* to, const void* from, int64_t bytes) {
  char* p = static_cast<char*>(to);
  const char* q = static_cast<const char*>(from);
  const int64_t head = std::min((kStreamLine - past_line(p)) % kStreamLine, bytes);
  std::memcpy(p, q, static_cast<size_t>(head));
  int64_t at = head;
  for (; at + kStreamLine <= bytes; at += kStreamLine)
    for (int64_t i = at; i < at + kStreamLine; i += kVecBytes) {
      Vec<float> v;
      std::memcpy(&v, q + i, sizeof(v));  // the source may lie at any byte
      stream(reinterpret_cast<float*>(p + i), v);
    }
  std::memcpy(p + at, q + at, static_cast<size_t>(bytes - at));
}

// to[0, bytes) = items of 1, 2, 4 or 8 bytes, all alike, of which `line` is full. `to` is a multiple of their size.
// Whole lines go past the caches.
[[gnu::noinline]] inline void stream_fill(void* to, const char (&line)[kStreamLine], int64_t bytes) {
  char* p = static_cast<char*>(to);
  const int64_t head = std::min((kStreamLine - past_line(p)) % kStreamLine, bytes);
  std::memcpy(p, line, static_cast<size_t>(head));
  Vec<float> v;
  std::memcpy(&v, line, sizeof(v));
  int64_t at = head;
  for (; at + kStreamLine <= bytes; at += kStreamLine)
    for (int64_t i = at; i < at + kStreamLine; i += kVecBytes) stream(reinterpret_cast<float*>(p + i), v);
  std::memcpy(p + at, line, static_cast<size_t>(bytes - at));
}

}  // namespace pe::cpu
