// pow lane by lane, for Vec<float>.
//
// |x|^y = exp(y·log|x|). An error of log is multiplied by y·log|x|, up to 104 in float32's range: so the way leads
// through double, whose 29 further bits swallow it, and the result is nearly always the correctly rounded one. double
// has no such wider type at hand and takes the C library's pow.
//
// What is left are the signs and special values (ISO C, F.10.4.4): a negative x needs a whole y, whose last bit is the
// sign.
#pragma once

#include <utility>

#include "cpu/vec_math.h"

namespace pe {

namespace power {

using D = Vec<double>;

// x and y are floats that were widened: a y of 2^24 or more is even.
inline D pow_of_floats(D x, D y) {
  constexpr double kAllEven = 0x1p24, kRound = 0x1.8p52;
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const D size = absolute<double>(x);
  D z = math::exp(y * math::log(size));

  const D shifted = y + kRound;  // leaves no room for a fraction; its last bit is that of the whole number
  const auto large = absolute<double>(y) >= kAllEven;
  const auto whole = large | (shifted - kRound == y);
  const auto odd = ~large & whole & ((bits_of<double>(shifted) & 1) != 0);
  z = select(odd, with_sign<double>(z, x), z);
  z = select((x < 0.0) & (size < kInf) & ~whole, splat(std::numeric_limits<double>::quiet_NaN()), z);
  const auto one = (y == 0.0) | (x == 1.0) | ((x == -1.0) & (absolute<double>(y) == kInf));
  return select(one, splat(1.0), z);
}

template <size_t... i>
inline Vec<float> pow(Vec<float> x, Vec<float> y, std::index_sequence<i...>) {
  constexpr size_t kHalf = sizeof...(i);
  const D x_low = __builtin_convertvector(__builtin_shufflevector(x, x, i...), D);
  const D y_low = __builtin_convertvector(__builtin_shufflevector(y, y, i...), D);
  const D x_high = __builtin_convertvector(__builtin_shufflevector(x, x, (kHalf + i)...), D);
  const D y_high = __builtin_convertvector(__builtin_shufflevector(y, y, (kHalf + i)...), D);
  typedef float Half __attribute__((vector_size(kVecBytes / 2)));
  const Half low = __builtin_convertvector(pow_of_floats(x_low, y_low), Half);
  const Half high = __builtin_convertvector(pow_of_floats(x_high, y_high), Half);
  return __builtin_shufflevector(low, high, i..., (kHalf + i)...);
}

}  // namespace power

namespace math {

inline Vec<float> pow(Vec<float> x, Vec<float> y) {
  return power::pow(x, y, std::make_index_sequence<kLanes<double>>{});
}

}  // namespace math

}  // namespace pe
