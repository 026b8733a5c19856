// float16 and bfloat16 as they are stored and converted, which is all that kernels here do with them. Included by
// cudasim.h. Conversions round once, to the nearest, ties to even.
#pragma once

#include <type_traits>

#include "cudasim/math_functions.h"

namespace cudasim {

// A finite or infinite float64 rounded to a format with `fraction` bits behind the point and exponents down to
// `smallest`, as a float64. Exact multiples of the last place are what rint leaves.
inline double round_to_format(double value, int fraction, int smallest) {
  if (value == 0 || !(value - value == 0)) return value;
  int exponent;
  frexp(value, &exponent);  // value = f · 2^exponent with ½ ≤ |f| < 1
  const int last_place = (exponent - 1 < smallest ? smallest : exponent - 1) - fraction;
  return ldexp(rint(ldexp(value, -last_place)), last_place);
}

inline uint16_t half_bits(double value) {
  const uint16_t sign = signbit(value) ? 0x8000 : 0;
  if (value != value) return sign | 0x7e00;
  const double magnitude = fabs(round_to_format(value, 10, -14));
  if (magnitude >= 65536.0) return sign | 0x7c00;
  if (magnitude < 0x1p-14) return sign | static_cast<uint16_t>(magnitude * 0x1p24);
  int exponent;
  const double f = frexp(magnitude, &exponent);
  return sign | static_cast<uint16_t>(((exponent + 14) << 10) + static_cast<int>((2 * f - 1) * 1024));
}

inline float half_value(uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  float magnitude = ldexpf(static_cast<float>(exponent ? fraction + 1024 : fraction), (exponent ? exponent : 1) - 25);
  if (exponent == 31) magnitude = fraction ? NAN : INFINITY;
  return bits & 0x8000 ? -magnitude : magnitude;
}

inline uint16_t bfloat16_bits(double value) {
  // rounded once: to bfloat16 right away, which float32 then holds exactly
  const float rounded = static_cast<float>(round_to_format(value, 7, -126));
  uint32_t bits;
  __builtin_memcpy(&bits, &rounded, sizeof bits);
  return rounded != rounded ? static_cast<uint16_t>(bits >> 16 | 0x40) : static_cast<uint16_t>(bits >> 16);
}

inline float bfloat16_value(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  __builtin_memcpy(&value, &wide, sizeof value);
  return value;
}

}  // namespace cudasim

struct alignas(2) __half {
  uint16_t bits;
  __half() = default;
  template <class T, class = std::enable_if_t<std::is_arithmetic_v<T>>>
  __half(T value) : bits(cudasim::half_bits(static_cast<double>(value))) {}
  operator float() const { return cudasim::half_value(bits); }
};
struct alignas(2) __nv_bfloat16 {
  uint16_t bits;
  __nv_bfloat16() = default;
  template <class T, class = std::enable_if_t<std::is_arithmetic_v<T>>>
  __nv_bfloat16(T value) : bits(cudasim::bfloat16_bits(static_cast<double>(value))) {}
  operator float() const { return cudasim::bfloat16_value(bits); }
};
using half = __half;
using nv_bfloat16 = __nv_bfloat16;

inline __half __float2half(float value) { return __half(value); }
inline __half __float2half_rn(float value) { return __half(value); }
inline __half __double2half(double value) { return __half(value); }
inline float __half2float(__half value) { return value; }
inline __half __ushort_as_half(unsigned short bits) { return cudasim::bits_as<__half>(bits); }
inline unsigned short __half_as_ushort(__half value) { return value.bits; }
inline __nv_bfloat16 __float2bfloat16(float value) { return __nv_bfloat16(value); }
inline __nv_bfloat16 __float2bfloat16_rn(float value) { return __nv_bfloat16(value); }
inline __nv_bfloat16 __double2bfloat16(double value) { return __nv_bfloat16(value); }
inline float __bfloat162float(__nv_bfloat16 value) { return value; }
