// Moving lanes within vectors: interleaving, and reductions that leave their result in every lane.
#pragma once

#include <utility>

#include "core/vec.h"

namespace pe {

template <int D, class V, size_t... J>
inline V exchange(V v, std::index_sequence<J...>) {
  return __builtin_shufflevector(v, v, (J ^ D)...);
}

// Lane l becomes what lane l ^ D was.
template <class T, int D>
inline Vec<T> exchange(Vec<T> v) {
  return exchange<D>(v, std::make_index_sequence<kLanes<T>>{});
}

template <int kStart, class V, size_t... J>
inline V interleave(V a, V b, std::index_sequence<J...>) {
  return __builtin_shufflevector(a, b, (J % 2 * sizeof...(J) + kStart + J / 2)...);
}

// p[0 … 2 · kLanes) = a[0], b[0], a[1], b[1], …
template <class T>
inline void store_interleaved(T* p, Vec<T> a, Vec<T> b) {
  constexpr int W = kLanes<T>;
  store(p, interleave<0>(a, b, std::make_index_sequence<W>{}));
  store(p + W, interleave<W / 2>(a, b, std::make_index_sequence<W>{}));
}

template <int kStart, class V, size_t... J>
inline V every_second(V a, V b, std::index_sequence<J...>) {
  return __builtin_shufflevector(a, b, (2 * J + kStart)...);
}

// Elements kStart, kStart + 2, … of a, b: the inverse of interleaving.
template <class T, int kStart>
inline Vec<T> every_second(Vec<T> a, Vec<T> b) {
  return every_second<kStart>(a, b, std::make_index_sequence<kLanes<T>>{});
}

// The sum of all lanes, in each of them: halves, then quarters, …, so the order is a fixed tree.
template <class T, int D = kLanes<T> / 2>
inline Vec<T> sum_everywhere(Vec<T> v) {
  const Vec<T> sum = v + exchange<T, D>(v);
  if constexpr (D > 1) {
    return sum_everywhere<T, D / 2>(sum);
  } else {
    return sum;
  }
}

// The greatest lane, in each of them. A NaN among the lanes may be passed over or kept.
template <class T, int D = kLanes<T> / 2>
inline Vec<T> max_everywhere(Vec<T> v) {
  const Vec<T> other = exchange<T, D>(v);
  const Vec<T> max = select(other > v, other, v);
  if constexpr (D > 1) {
    return max_everywhere<T, D / 2>(max);
  } else {
    return max;
  }
}

}  // namespace pe
