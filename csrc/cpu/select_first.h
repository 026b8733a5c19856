// The first few elements of a line in some order, found in one pass: what topk does where k is small.
//
// A vector of elements is compared with the last of the k that are known so far, and almost always nothing in it comes
// before that one. What does is appended to a buffer; a full buffer is cut back to its k first, whose last is the new
// bound. So elements are handled singly some k·ln(n / k) times at random order, and once at most however they are
// ordered.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "core/vec.h"
#include "cpu/lanes.h"

namespace pe::cpu {

// What an element is ordered by: a signed integer, which vectors can compare.
template <class T>
using Key = SignedOf<sizeof(T)>;

// Keys that rise with the elements: 0.0 and -0.0 have the same, NaN has the greatest.
template <class T>
inline Vec<Key<T>> rising_keys(Vec<T> x) {
  if constexpr (std::is_integral_v<T>) {
    return x;
  } else {
    constexpr Key<T> kGreatest = std::numeric_limits<Key<T>>::max();
    const auto bits = std::bit_cast<Vec<Key<T>>>(x + T(0));  // -0.0 becomes 0.0
    const auto number = bits ^ ((bits < 0) & kGreatest);
    return select(x != x, splat(kGreatest), number);
  }
}

inline constexpr int64_t kSelectStep = 32;  // elements between two looks at the bound

// Items that select_first() needs to find k.
inline constexpr int64_t select_buffer(int64_t k) { return 2 * k + 2 * kSelectStep; }

// A key that k of the first elements do not exceed, or the greatest key. The least in each of kSelectStep interleaved
// parts of a line is known at the speed of reading it, and the k-th of these is seldom far from the k-th of all.
template <class T>
Key<T> first_bound(const T* x, int64_t n, int64_t k, Vec<Key<T>> flip) {
  constexpr int64_t kRead = 1024;  // elements at most
  constexpr int W = kLanes<T>, kVectors = static_cast<int>(kSelectStep) / W;
  constexpr Key<T> kGreatest = std::numeric_limits<Key<T>>::max();
  if (n < kSelectStep || k > kSelectStep / 2) return kGreatest;
  Vec<Key<T>> least[kVectors];
  std::fill_n(least, kVectors, splat(kGreatest));
  for (int64_t i = 0; i + kSelectStep <= std::min(n, kRead); i += kSelectStep)
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) {
      const auto keys = rising_keys<T>(load(x + i + v * W)) ^ flip;
      least[v] = select(keys < least[v], keys, least[v]);
    }
  Key<T> parts[kSelectStep];
  std::memcpy(parts, least, sizeof(parts));
  std::nth_element(parts, parts + (k - 1), parts + kSelectStep);
  return parts[k - 1];
}

// The k first of n elements, 1 <= k <= n, become items[0, k), in no order. Item(key's place among all, position) has
// `<`, a total order with equal elements by position, and gives its `rank()` back.
template <class T, class Item>
void select_first(const T* x, int64_t n, int64_t k, bool falling, Item* items) {
  constexpr int W = kLanes<T>, kVectors = static_cast<int>(kSelectStep) / W;
  using Rank = std::make_unsigned_t<Key<T>>;
  constexpr Rank kSign = Rank{1} << (8 * sizeof(T) - 1);
  const Vec<Key<T>> flip = splat(static_cast<Key<T>>(falling ? -1 : 0));
  Key<T> bound = first_bound(x, n, k, flip);  // of the keys that may still be among the first
  int64_t kept = 0;
  T last[kSelectStep] = {};  // a step that is not whole
  for (int64_t i = 0; i < n; i += kSelectStep) {
    const int64_t m = std::min(n - i, kSelectStep);
    if (m < kSelectStep) std::copy_n(x + i, m, last);
    const T* from = m < kSelectStep ? last : x + i;
    Vec<Key<T>> keys[kVectors], least = splat(std::numeric_limits<Key<T>>::max());
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) {
      keys[v] = rising_keys<T>(load(from + v * W)) ^ flip;
      least = select(keys[v] < least, keys[v], least);
    }
    if (!any_lane(std::bit_cast<Vec<uint64_t>>(least <= bound))) continue;
    Key<T> key[kSelectStep];
    std::memcpy(key, keys, sizeof(key));
    for (int64_t j = 0; j < m; ++j) {
      items[kept] = Item(static_cast<Rank>(key[j]) ^ kSign, i + j);
      kept += key[j] <= bound;
    }
    if (kept + kSelectStep < select_buffer(k)) continue;
    std::nth_element(items, items + (k - 1), items + kept);
    kept = k;
    if (items[k - 1].rank() == 0) break;  // nothing comes before it, and its equals come after it
    bound = static_cast<Key<T>>((items[k - 1].rank() - 1) ^ kSign);
  }
  if (kept > k) std::nth_element(items, items + k, items + kept);
}

}  // namespace pe::cpu
