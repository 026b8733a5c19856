// pow lane by lane, for Vec<float>.
//
// |x|^y = exp(y·log|x|). An error of log is multiplied by y·log|x|, up to 104 in float32's range: so the way leads
// through double, whose 29 further bits swallow it, and the result is nearly always the correctly rounded one, even
// with shorter polynomials than double's own (tools/minimax.py). double has no such wider type at hand and takes the C
// library's pow.
//
// What is left are the signs and special values (ISO C, F.10.4.4): a negative x needs a whole y, whose last bit is the
// sign.
#pragma once

#include <utility>

#include "cpu/vec_math.h"

namespace pe {

namespace power {

using D = Vec<double>;

inline constexpr double kLog[] = {0x1.555554fd9caefp-1, 0x1.999a7a8af4132p-2, 0x1.2438d79437031p-2,
                                  0x1.e2f663b001dfbp-3};
inline constexpr double kExp[] = {0x1.000000262397ap-1, 0x1.555554ef0242fp-3,  0x1.5554b098a3c7fp-5,
                                  0x1.111189d6654d8p-7, 0x1.6d7296a3142c1p-10, 0x1.a032c91972f67p-13};

// log(x) for x >= 0 that is a float's value, so not subnormal in double: k·ln 2 + 2·atanh(s) as in vec_math.h.
inline D short_log(D x) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  constexpr uint64_t kMantissa = (uint64_t{1} << 52) - 1;
  const Vec<uint64_t> border = bits_of<double>(splat(0.70710678118654752440));
  const Vec<uint64_t> moved = bits_of<double>(x) + (bits_of<double>(splat(1.0)) - border);
  const D m = from_bits<double>((moved & kMantissa) + border);
  const D k = from_bits<double>((moved >> 52) | bits_of<double>(splat(0x1p52))) - (0x1p52 + 1023.0);
  const D s = (m - 1.0) / (m + 1.0), z = s * s;
  const D y = k * 0.69314718055994530942 + s * (2.0 + z * polynomial<double>(z, kLog));
  return select(x == 0.0, splat(-kInf), select(x < kInf, y, x));
}

// exp(x), 0 or more than the largest float where it is none.
inline D short_exp(D x) {
  constexpr double kRound = 0x1.8p52 + 1023.0;
  const D near = select(x < -160.0, splat(-160.0), select(x > 130.0, splat(130.0), x));
  const D shifted = near * 1.4426950408889634074 + kRound, n = shifted - kRound;
  const D r = near - n * 0.69314718055994530942;
  const D p = (polynomial<double>(r, kExp) * r + 1.0) * r + 1.0;
  return p * from_bits<double>(bits_of<double>(shifted) << 52);
}

// x and y are floats that were widened: a y of 2^24 or more is even.
inline D pow_of_floats(D x, D y) {
  constexpr double kAllEven = 0x1p24, kRound = 0x1.8p52;
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const D size = absolute<double>(x);
  D z = short_exp(y * short_log(size));

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
