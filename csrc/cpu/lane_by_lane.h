// f in each lane of vectors, for what compilers' vectors have no name.
//
// A whole vector goes through an array of constant length. Where the processor has an instruction for f (vsqrtps,
// vroundps), the loop becomes it and the array a register; where f is a function of the C library, it is called so
// often.
#pragma once

#include <cstring>
#include <type_traits>

namespace pe {

template <class V>
using Element = std::remove_cvref_t<decltype(V{}[0])>;

template <class V, class F>
inline V lane_by_lane(V v, F f) {
  constexpr size_t kN = sizeof(V) / sizeof(Element<V>);
  Element<V> lanes[kN];
  std::memcpy(lanes, &v, sizeof(v));
  for (size_t i = 0; i < kN; ++i) lanes[i] = f(lanes[i]);
  std::memcpy(&v, lanes, sizeof(v));
  return v;
}

template <class V, class F>
inline V lane_by_lane(V v, V w, F f) {
  constexpr size_t kN = sizeof(V) / sizeof(Element<V>);
  Element<V> lanes[kN], others[kN];
  std::memcpy(lanes, &v, sizeof(v));
  std::memcpy(others, &w, sizeof(w));
  for (size_t i = 0; i < kN; ++i) lanes[i] = f(lanes[i], others[i]);
  std::memcpy(&v, lanes, sizeof(v));
  return v;
}

}  // namespace pe
