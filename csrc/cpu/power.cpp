// out[i] = a[i] to the power b[i]: float32 in vectors (vec_pow.h), float64 by the C library, int64 by squaring.
#include <cmath>

#include "cpu/by_dtype.h"
#include "cpu/lane_by_lane.h"
#include "cpu/vec_pow.h"
#include "kernels.h"

namespace pe {

namespace {

// int64 as uint64, which wraps. b's bits, from the last, say which of a, a^2, a^4, … are factors.
Vec<uint64_t> whole_power(Vec<uint64_t> a, Vec<uint64_t> b) {
  using V = Vec<uint64_t>;
  const V one = V{} + 1, minus_one = ~V{};
  const auto negative = b >> 63 != 0;
  V power = one, factor = a;
  for (V bits = select(negative, V{}, b); any_lane(bits); bits >>= 1, factor *= factor)
    power = select((bits & 1) != 0, power * factor, power);
  const V of_minus_one = select((b & 1) != 0, minus_one, one);
  const V inverse = select(a == one, one, select(a == minus_one, of_minus_one, V{}));
  return select(negative, inverse, power);
}

struct Pow {
  template <class V>
  V operator()(V a, V b) const {
    using T = Element<V>;
    if constexpr (std::is_same_v<T, float>)
      return math::pow(a, b);
    else if constexpr (std::is_same_v<T, double>)
      return lane_by_lane(a, b, [](double x, double y) { return std::pow(x, y); });
    else
      return whole_power(a, b);
  }
};

}  // namespace

void pow(In a, In b, Out out) { cpu::numbers("pow", Pow{}, out, a, b); }

}  // namespace pe
