// What both ways of reducing share: a reducer's operations on vectors, and the axes they work on.
#pragma once

#include <utility>

#include "core/reduced_walk.h"
#include "core/vec.h"
#include "cpu/lanes.h"
#include "cpu/loops.h"

namespace pe::cpu::detail {

template <int kShift, class V, size_t... i>
inline V rotate_lanes(V v, std::index_sequence<i...>) {
  return __builtin_shufflevector(v, v, ((i + kShift) % sizeof...(i))...);
}

// R on vectors: kN inputs make kN partial results.
template <class R>
struct LaneReduction {
  using TIn = typename R::In;
  using TAcc = typename R::Acc;
  using TOut = typename R::Out;
  static_assert(sizeof(TIn) == sizeof(TAcc));
  static constexpr int kN = kLanes<TIn>;
  static constexpr int64_t kSize = sizeof(TIn);
  using V = Lanes<TAcc, kN>;

  static V identity() { return R::identity() - V{}; }
  static V at(const TIn* p) { return R::map(load_lanes<TIn, kN>(p)); }
  static V combine(V x, V y) { return R::combine(x, y); }

  // `n` < kN elements, the other lanes the identity.
  static V some(const TIn* p, int64_t n) {
    return replace_first<TAcc, kN>(identity(), R::map(load_some<TIn, kN>(p, n)), n);
  }

  template <int kShift = kN / 2>
  static TAcc across(V v) {
    if constexpr (kShift == 0) {
      return v[0];
    } else {
      return across<kShift / 2>(R::combine(v, rotate_lanes<kShift>(v, std::make_index_sequence<kN>{})));
    }
  }

  static void write(char* to, TAcc value) {
    const TOut result = R::finish(value);
    std::memcpy(to, &result, sizeof(result));
  }
};

}  // namespace pe::cpu::detail
