// exp, expm1, log and log1p lane by lane, for Vec<float> and Vec<double>.
//
// exp: x = n·ln 2 + r with |r| <= ln 2 / 2, so exp(x) = 2^n · exp(r), and exp(r) is a short polynomial.
// log: x = 2^k · m with m in [sqrt(1/2), sqrt(2)), log(m) = 2·atanh(s) with s = (m - 1) / (m + 1).
// Both reductions, with ln 2 in two parts, are those of fdlibm (Sun Microsystems, 1993: e_exp.c, e_log.c, s_log1p.c);
// see also J.-M. Muller, "Elementary Functions", 3rd ed., ch. 11. The coefficients minimise the relative error of the
// result over the reduced interval, before they are rounded to T; tools/minimax.py makes them. Special values need no
// branch: NaN, the infinities, zeros and subnormals come out as IEEE 754 recommends.
//
// Errors stay below 0.95 ulp for exp and exp_flushed (1.25 without FMA), 1.8 for expm1, 0.85 for log, 0.9 for log1p:
// see csrc/check/accuracy.cpp.
#pragma once

#include <limits>

#include "core/vec.h"

namespace pe {

template <class T>
struct FloatFormat;
template <>
struct FloatFormat<float> {
  using Bits = uint32_t;
  static constexpr int kMantissa = 23;
  static constexpr Bits kBias = 127;
};
template <>
struct FloatFormat<double> {
  using Bits = uint64_t;
  static constexpr int kMantissa = 52;
  static constexpr Bits kBias = 1023;
};

template <class T>
using BitsOf = typename FloatFormat<T>::Bits;

template <class T>
inline Vec<BitsOf<T>> bits_of(Vec<T> v) {
  return reinterpret_cast<Vec<BitsOf<T>>>(v);
}

template <class T>
inline Vec<T> from_bits(Vec<BitsOf<T>> bits) {
  return reinterpret_cast<Vec<T>>(bits);
}

// Constants of one format. kHigh overflows and kLow underflows to 0 even after rounding, and both keep n in the range
// that the two-step scaling of exp can express. kLn2High has so few digits that n · kLn2High is exact.
template <class T>
struct ExpLog;

template <>
struct ExpLog<float> {
  static constexpr float kHigh = 89.0f, kLow = -104.0f, kSmallestNormal = -0x1.5d589ep+6f;  // ln 2^-126
  static constexpr float kUnscale = 0x1p-64f;
  static constexpr float kLn2High = 0x1.62e4p-1f, kLn2Low = 0x1.7f7d1cp-20f;
  // (exp(r) - 1 - r) / r^2
  static constexpr float kExp[] = {0x1.fffffep-2f, 0x1.5554bp-3f, 0x1.555674p-5f, 0x1.1227f6p-7f, 0x1.6bebf2p-10f};
  // (2·atanh(s) - 2s) / s^3 in s^2
  static constexpr float kLog[] = {0x1.555554p-1f, 0x1.999a7ap-2f, 0x1.2438d8p-2f, 0x1.e2f664p-3f};
};

template <>
struct ExpLog<double> {
  static constexpr double kHigh = 710.0, kLow = -746.0, kSmallestNormal = -0x1.6232bdd7abcd2p+9;  // ln 2^-1022
  static constexpr double kUnscale = 0x1p-512;
  static constexpr double kLn2High = 0x1.62e42fefa4p-1, kLn2Low = -0x1.8432a1b0e2634p-43;
  static constexpr double kExp[] = {
      0x1.0000000000005p-1,  0x1.5555555555539p-3, 0x1.555555555225bp-5,  0x1.1111111119092p-7,  0x1.6c16c17ef58dep-10,
      0x1.a01a0174da048p-13, 0x1.a019a71c5131p-16, 0x1.71de884cc5c03p-19, 0x1.28a236dc8e4d7p-22, 0x1.ae6badecc56fep-26};
  static constexpr double kLog[] = {0x1.5555555555592p-1, 0x1.999999997fdb8p-2, 0x1.24924941f123ap-2,
                                    0x1.c71c52095dfa3p-3, 0x1.74663ee846c23p-3, 0x1.39a1bababa956p-3,
                                    0x1.2f0563674c458p-3};
};

// A product that the compiler must round before it is added to something: what -ffp-contract=fast would fuse otherwise.
template <class V>
inline V rounded(V product) {
#if defined(__aarch64__)
  asm("" : "+w"(product));
#else
  asm("" : "+x"(product));
#endif
  return product;
}

template <class T>
inline Vec<T> absolute(Vec<T> x) {
  constexpr BitsOf<T> kSign = BitsOf<T>{1} << (sizeof(T) * 8 - 1);
  return from_bits<T>(bits_of<T>(x) & ~kSign);
}

// y >= 0 with the sign of x.
template <class T>
inline Vec<T> with_sign(Vec<T> y, Vec<T> x) {
  constexpr BitsOf<T> kSign = BitsOf<T>{1} << (sizeof(T) * 8 - 1);
  return from_bits<T>(bits_of<T>(y) | (bits_of<T>(x) & kSign));
}

// c[0] + c[1]·x + c[2]·x^2 + …, Horner's rule.
template <class T, size_t N>
inline Vec<T> polynomial(Vec<T> x, const T (&c)[N]) {
  Vec<T> p = splat(c[N - 1]);
  for (size_t i = N - 1; i-- > 0;) p = p * x + c[i];
  return p;
}

// x = n·ln 2 + r + r_rest, where |r_rest| is below half a unit in the last place of r. The last bits of `shifted` are
// n + kOffset.
template <class T>
struct Reduced {
  Vec<T> shifted, r, r_rest;
};

template <class T, BitsOf<T> kOffset>
inline Reduced<T> reduce_exponent(Vec<T> x) {
  using C = ExpLog<T>;
  // Adding 1.5·2^kMantissa leaves no room for a fraction: the sum is rounded to an integer.
  constexpr T kRound = static_cast<T>((BitsOf<T>{3} << (FloatFormat<T>::kMantissa - 1)) + kOffset);
  const Vec<T> shifted = x * T(1.4426950408889634074) + kRound;
  const Vec<T> n = shifted - kRound;
  const Vec<T> high = x - n * C::kLn2High, low = n * C::kLn2Low;  // high is exact
  const Vec<T> r = high - low;
  return {shifted, r, (high - r) - low};
}

// exp(x). Where every lane is known to be <= 0 or NaN, kNonPositive saves a few instructions.
template <class T, bool kNonPositive>
inline Vec<T> exp_lanes(Vec<T> x) {
  using C = ExpLog<T>;
  using B = BitsOf<T>;
  constexpr int kM = FloatFormat<T>::kMantissa;
  constexpr B kBias = FloatFormat<T>::kBias;
  const auto [shifted, r, unused] = reduce_exponent<T, kNonPositive ? kBias + kBias / 2 + 1 : 2 * kBias>(x);
  const Vec<T> p = (polynomial<T>(r, C::kExp) * r + T(1)) * r + T(1);

  // 2^n is multiplied in two steps of normal numbers, so that p is rounded once, also to a subnormal result. A shift
  // by kM leaves n and its offset, as an exponent.
  const Vec<B> bits = bits_of<T>(shifted);
  Vec<T> y;
  if constexpr (kNonPositive) {
    y = p * from_bits<T>(bits << kM) * C::kUnscale;
  } else {
    const Vec<B> half = bits >> 1 << kM;
    y = p * from_bits<T>(half) * from_bits<T>((bits << kM) - half);
    y = select(x > C::kHigh, splat(std::numeric_limits<T>::infinity()), y);
  }
  return select(x < C::kLow, Vec<T>{}, y);
}

// exp(x) for x <= 80 or NaN, with 0 instead of a subnormal result: one step of scaling is enough.
template <class T>
inline Vec<T> exp_flushed_lanes(Vec<T> x) {
  using C = ExpLog<T>;
  const auto [shifted, r, unused] = reduce_exponent<T, FloatFormat<T>::kBias>(x);
  const Vec<T> p = (polynomial<T>(r, C::kExp) * r + T(1)) * r + T(1);
  const Vec<T> y = p * from_bits<T>(bits_of<T>(shifted) << FloatFormat<T>::kMantissa);
  return select(x < C::kSmallestNormal, Vec<T>{}, y);
}

// exp(x) - 1 without the cancellation: 2^n · (exp(r) - 1) + (2^n - 1), and no rounding where n = 0.
template <class T>
inline Vec<T> expm1_lanes(Vec<T> x) {
  using C = ExpLog<T>;
  constexpr int kM = FloatFormat<T>::kMantissa;
  constexpr T kMinusOne = T(kM) * T(-1.5);  // from here on down the result is -1, long before n leaves its range
  const Vec<T> bounded = select(x < kMinusOne, splat(kMinusOne), x);
  const auto [shifted, r, r_rest] = reduce_exponent<T, FloatFormat<T>::kBias - 1>(bounded);
  const Vec<T> p = (polynomial<T>(r, C::kExp) * r * r + r_rest) + r;

  const Vec<T> half = from_bits<T>(bits_of<T>(shifted) << kM);  // 2^n / 2: 2^n itself may be beyond the largest number
  const Vec<T> y = (half * p + (half - T(0.5))) * T(2);
  const Vec<T> result = select(x > C::kHigh, splat(std::numeric_limits<T>::infinity()), y);
  return select(absolute<T>(x) < std::numeric_limits<T>::epsilon() / 4, x, result);  // subnormals and -0 are kept
}

// log(x); with kCorrected log(x + e) for an e far below x, given `correction` = e / x.
template <class T, bool kCorrected>
inline Vec<T> log_lanes(Vec<T> x, Vec<T> correction) {
  using C = ExpLog<T>;
  using B = BitsOf<T>;
  constexpr int kM = FloatFormat<T>::kMantissa;
  constexpr T kTwoToM = static_cast<T>(B{1} << kM);
  constexpr T kInf = std::numeric_limits<T>::infinity();

  const auto tiny = x < std::numeric_limits<T>::min();
  const Vec<T> normal = select(tiny, x * kTwoToM, x);
  // Shift the exponent's border from 1 to sqrt(1/2), so that m comes out in [sqrt(1/2), sqrt(2)).
  const Vec<B> border = bits_of<T>(splat(T(0.70710678118654752440)));
  const Vec<B> moved = bits_of<T>(normal) + (bits_of<T>(splat(T(1))) - border);
  const Vec<B> biased = moved >> kM;
  const Vec<T> m = from_bits<T>((moved & ((B{1} << kM) - 1)) + border);
  // An integer below 2^kM under the bits of 2^kM is 2^kM + the integer.
  const Vec<T> unbiased = from_bits<T>(biased | bits_of<T>(splat(kTwoToM))) - (kTwoToM + T(FloatFormat<T>::kBias));
  const Vec<T> k = unbiased - select(tiny, splat(T(kM)), Vec<T>{});

  const Vec<T> f = m - T(1);
  const Vec<T> s = f / (f + T(2));
  const Vec<T> z = s * s;
  const Vec<T> half_square = T(0.5) * f * f;
  Vec<T> tail = s * (half_square + z * polynomial<T>(z, C::kLog)) + k * C::kLn2Low;
  if constexpr (kCorrected) tail += correction;
  Vec<T> result = k * C::kLn2High - ((half_square - tail) - f);

  result = select(x < kInf, result, x);  // +inf and NaN
  const Vec<T> outside = select(x == T(0), splat(-kInf), splat(std::numeric_limits<T>::quiet_NaN()));
  return select(x > T(0), result, select(x != x, x, outside));
}

// log(1 + x): what the sum u = 1 + x lost in rounding comes back as a correction.
template <class T>
inline Vec<T> log1p_lanes(Vec<T> x) {
  const Vec<T> u = T(1) + x;
  const Vec<T> of_x = u - T(1), of_one = u - x;  // the shares of u; one of them is exact
  const Vec<T> lost = select(x < T(1), x - of_x, T(1) - of_one);
  const Vec<T> y = log_lanes<T, true>(u, lost / u);
  return select(absolute<T>(x) < std::numeric_limits<T>::epsilon() / 4, x, y);
}

namespace math {

inline Vec<float> exp(Vec<float> x) { return exp_lanes<float, false>(x); }
inline Vec<double> exp(Vec<double> x) { return exp_lanes<double, false>(x); }
inline Vec<float> exp_nonpositive(Vec<float> x) { return exp_lanes<float, true>(x); }
inline Vec<double> exp_nonpositive(Vec<double> x) { return exp_lanes<double, true>(x); }
inline Vec<float> exp_flushed(Vec<float> x) { return exp_flushed_lanes<float>(x); }
inline Vec<double> exp_flushed(Vec<double> x) { return exp_flushed_lanes<double>(x); }
inline Vec<float> expm1(Vec<float> x) { return expm1_lanes<float>(x); }
inline Vec<double> expm1(Vec<double> x) { return expm1_lanes<double>(x); }
inline Vec<float> log(Vec<float> x) { return log_lanes<float, false>(x, x); }
inline Vec<double> log(Vec<double> x) { return log_lanes<double, false>(x, x); }
inline Vec<float> log1p(Vec<float> x) { return log1p_lanes<float>(x); }
inline Vec<double> log1p(Vec<double> x) { return log1p_lanes<double>(x); }

}  // namespace math

}  // namespace pe
