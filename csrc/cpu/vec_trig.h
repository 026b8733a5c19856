// sin and cos lane by lane, for Vec<float> and Vec<double>.
//
// x = n·pi/2 + r with |r| <= pi/4 about; sin(x) is ±sin(r) or ±cos(r), as the last two bits of n say. pi/2 is taken in
// four parts, the first three of 33 bits, so that n times each of them is exact while |n| < 2^20 (the reduction of W.
// J. Cody and W. Waite, "Software Manual for the Elementary Functions", 1980). What the two subtractions round off is
// kept, so r is good even where x lies next to a multiple of pi/2. Beyond, |x| > 1.6 million, the C library takes over,
// lane by lane: right, but slow. The polynomials are made by tools/minimax.py.
//
// float computes in double, whose 29 further bits swallow what is rounded off on the way: three parts of pi/2 and short
// polynomials are enough.
#pragma once

#include <cmath>
#include <utility>

#include "cpu/vec_math.h"

namespace pe {

namespace trig {

inline constexpr double kFarthest = 1.6e6;  // |n| stays below 2^20
inline constexpr double kTwoOverPi = 0x1.45f306dc9c883p-1;
inline constexpr double kHalfPi[] = {0x1.921fb54400000p+0, 0x1.0b4611a600000p-34, 0x1.3198a2e000000p-69,
                                     0x1.b839a252049c1p-104};
// (sin(r) - r) / r^3 and (cos(r) - 1 + r^2 / 2) / r^4 in r^2
inline constexpr double kSin[] = {-0x1.5555555555548p-3, 0x1.111111110f7d0p-7,   -0x1.a01a019bfdf03p-13,
                                  0x1.71de3567d4896p-19, -0x1.ae5e5a9291689p-26, 0x1.5d8fd1fcf0c15p-33};
inline constexpr double kCos[] = {0x1.555555555554bp-5,   -0x1.6c16c16c14f91p-10, 0x1.a01a019c844f5p-16,
                                  -0x1.27e4f7eac4bc6p-22, 0x1.1ee9d7b4e3f05p-29,  -0x1.8fa49a0861a9fp-37};

// the same for results in float
inline constexpr double kShortSin[] = {-0x1.555545268a030p-3, 0x1.11073afd14dbbp-7, -0x1.9943e0fc79b65p-13};
inline constexpr double kShortCos[] = {0x1.55554a115b53fp-5, -0x1.6c0c33a818eddp-10, 0x1.99eb9c48fe81dp-16};

using D = Vec<double>;

// a - b, and what its rounding lost (D. E. Knuth's TwoSum).
struct Difference {
  D value, lost;
  Difference(D a, D b) : value(a - b) {
    const D part = value - a;
    lost = (a - (value - part)) - (b + part);
  }
};

// f(x) in the lanes that are beyond the reduction, `y` in the others.
template <class F>
[[gnu::noinline]] D far_lanes(D x, D y, F f) {
  double from[kLanes<double>], to[kLanes<double>];
  std::memcpy(from, &x, sizeof(x));
  std::memcpy(to, &y, sizeof(y));
  for (int i = 0; i < kLanes<double>; ++i)
    if (!(std::fabs(from[i]) <= kFarthest)) to[i] = f(from[i]);
  std::memcpy(&y, to, sizeof(y));
  return y;
}

inline constexpr double kRound = 0x1.8p52;  // leaves no room for a fraction; the last bits of a sum with it are n

// Of the results for n = 0 and n = 1 the one that the quadrant asks for, with its sign; what is too far by the C
// library.
template <uint64_t kQuarter>
inline D choose(D x, D shifted, D sin_r, D cos_r) {
  const Vec<uint64_t> quadrant = bits_of<double>(shifted) + kQuarter;
  const D size = select((quadrant & 1) != 0, cos_r, sin_r);
  const D y = from_bits<double>(bits_of<double>(size) ^ (quadrant & 2) << 62);
  // the negated comparison holds for NaN too
  const auto near = absolute<double>(x) <= kFarthest;
  if (any_lane(reinterpret_cast<Vec<uint64_t>>(~near))) [[unlikely]]
    return far_lanes(x, y, [](double far) { return kQuarter == 0 ? std::sin(far) : std::cos(far); });
  return y;
}

// sin(x + kQuarter·pi/2)
template <uint64_t kQuarter>
inline D sine(D x) {
  const D shifted = x * kTwoOverPi + kRound;
  const D n = shifted - kRound;
  const Difference first(x - n * kHalfPi[0], n * kHalfPi[1]);  // x - n * kHalfPi[0] is exact
  const Difference second(first.value, n * kHalfPi[2]);
  const D tail = first.lost + second.lost - n * kHalfPi[3];
  const D r = second.value + tail;
  const D rest = (second.value - r) + tail;

  const D z = r * r, half = z * 0.5;
  const D sin_r = r + (z * r * polynomial<double>(z, kSin) + rest * (1.0 - half));
  const D one = 1.0 - half;
  const D cos_r = one + (((1.0 - one) - half) + (z * z * polynomial<double>(z, kCos) - r * rest));

  const D y = choose<kQuarter>(x, shifted, sin_r, cos_r);
  return kQuarter == 0 ? select(absolute<double>(x) < 0x1p-27, x, y) : y;  // keeps -0 and the subnormals
}

// The same to float's precision.
template <uint64_t kQuarter>
inline D short_sine(D x) {
  const D shifted = x * kTwoOverPi + kRound;
  const D n = shifted - kRound;
  const D r = ((x - n * kHalfPi[0]) - n * kHalfPi[1]) - n * kHalfPi[2];
  const D z = r * r;
  const D sin_r = r + r * z * polynomial<double>(z, kShortSin);
  const D cos_r = (1.0 - 0.5 * z) + z * z * polynomial<double>(z, kShortCos);
  return choose<kQuarter>(x, shifted, sin_r, cos_r);
}

template <uint64_t kQuarter, size_t... i>
inline Vec<float> sine(Vec<float> x, std::index_sequence<i...>) {
  constexpr size_t kHalf = sizeof...(i);
  const D low = __builtin_convertvector(__builtin_shufflevector(x, x, i...), D);
  const D high = __builtin_convertvector(__builtin_shufflevector(x, x, (kHalf + i)...), D);
  typedef float Half __attribute__((vector_size(kVecBytes / 2)));
  const Half y_low = __builtin_convertvector(short_sine<kQuarter>(low), Half);
  const Half y_high = __builtin_convertvector(short_sine<kQuarter>(high), Half);
  return __builtin_shufflevector(y_low, y_high, i..., (kHalf + i)...);
}

template <uint64_t kQuarter>
inline Vec<float> sine(Vec<float> x) {
  return sine<kQuarter>(x, std::make_index_sequence<kLanes<double>>{});
}

}  // namespace trig

namespace math {

inline Vec<float> sin(Vec<float> x) { return trig::sine<0>(x); }
inline Vec<double> sin(Vec<double> x) { return trig::sine<0>(x); }
inline Vec<float> cos(Vec<float> x) { return trig::sine<1>(x); }
inline Vec<double> cos(Vec<double> x) { return trig::sine<1>(x); }

}  // namespace math

}  // namespace pe
