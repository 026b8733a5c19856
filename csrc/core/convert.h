// One element from any dtype to any other: convert<To>(from). Branch-free, so that loops over it vectorise; constexpr,
// so that it works in CUDA kernels too.
//
// Defined for every value, in the way NumPy's astype behaves on x86-64:
//   float → int64, int32   truncated towards 0; NaN, ±inf and what does not fit give the smallest integer
//   float → uint8          the low byte of that int32, so -1.0 gives 255, NaN and 3e9 give 0
//   int → narrower int     the low bits;   anything → bool is `!= 0` (NaN is true);   bool → anything is 0 or 1
//   → float16, bfloat16    rounded once, to nearest even, from float64 and int64 too; too large gives ±inf
// The 16-bit floats are converted by integer arithmetic, to the same bits as processors that can do it; a NaN keeps its
// sign and the upper bits of its fraction, and becomes a quiet one.
#pragma once

#if defined(__x86_64__) && !defined(__CUDACC__)
#include <immintrin.h>
#endif

#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "core/array.h"

namespace pe {

struct Half {
  static constexpr int kFraction = 10, kBias = 15;
  uint16_t bits;
};

// The upper half of a float32: its range with 8 bits of precision.
struct BFloat16 {
  static constexpr int kFraction = 7, kBias = 127;
  uint16_t bits;
};

struct BoolByte {
  uint8_t byte;
};

namespace detail {

constexpr float half_to_float(Half half) {
  const uint32_t magnitude = (half.bits & 0x7fffu) << 13;  // exponent and fraction where float32 has them
  const uint32_t exponent = magnitude & 0x0f800000u;
  const uint32_t rebased = magnitude + ((127u - 15u) << 23);
  // inf and NaN: the largest exponent in either format, and a NaN becomes a quiet one
  const uint32_t special = (rebased + ((128u - 16u) << 23)) | static_cast<uint32_t>(magnitude > exponent) << 22;
  // a subnormal is fraction·2^-24: with 2^-14 put on top the fraction is in place, and taking it off again normalises
  const float subnormal = std::bit_cast<float>(rebased + (1u << 23)) - std::bit_cast<float>(113u << 23);
  uint32_t bits = exponent == 0 ? std::bit_cast<uint32_t>(subnormal) : rebased;
  bits = exponent == 0x0f800000u ? special : bits;
  return std::bit_cast<float>(bits | (half.bits & 0x8000u) << 16);
}

constexpr float bfloat16_to_float(BFloat16 value) {
  const uint32_t bits = uint32_t{value.bits} << 16;
  const float widened = std::bit_cast<float>(bits);
  return widened == widened ? widened : std::bit_cast<float>(bits | 1u << 22);
}

constexpr BFloat16 float_to_bfloat16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  // just under half a unit, one more where the kept fraction is odd; a carry may run into the exponent, as far as
  // infinity, and is right there
  const uint32_t rounded = bits + 0x7fffu + (bits >> 16 & 1);
  return {static_cast<uint16_t>((value == value ? rounded : bits | 1u << 22) >> 16)};
}

// The layout of the wider format, from which a 16-bit float is rounded.
template <class T>
struct FloatFormat;
template <>
struct FloatFormat<float> {
  using Bits = uint32_t;
  static constexpr int kFraction = 23, kBias = 127;
};
template <>
struct FloatFormat<double> {
  using Bits = uint64_t;
  static constexpr int kFraction = 52, kBias = 1023;
};

// To has fewer bits of exponent than T.
template <class To, class T>
constexpr To narrow(T value) {
  using Format = FloatFormat<T>;
  using Bits = typename Format::Bits;
  constexpr int kDropped = Format::kFraction - To::kFraction;
  constexpr int kRebase = Format::kBias - To::kBias;
  constexpr Bits kOne = 1;
  constexpr Bits kSign = kOne << (8 * sizeof(T) - 1);
  constexpr Bits kInfinity = std::bit_cast<Bits>(std::numeric_limits<T>::infinity());
  constexpr Bits kFractionMask = (kOne << To::kFraction) - 1;
  constexpr Bits kNarrowInfinity = 0x7fff & ~kFractionMask;
  constexpr Bits kOverflow = Bits{Format::kBias + To::kBias + 1} << Format::kFraction;
  constexpr Bits kSmallest = Bits{kRebase + 1} << Format::kFraction;  // the smallest normal To
  constexpr Bits kMagic = Bits{kRebase + 1 + kDropped} << Format::kFraction;

  const Bits bits = std::bit_cast<Bits>(value);
  const Bits magnitude = bits & ~kSign;
  // normal: rebase the exponent and round, as above
  const Bits odd = magnitude >> kDropped & 1;
  const Bits normal =
      (magnitude - (Bits{kRebase} << Format::kFraction) + (kOne << (kDropped - 1)) - 1 + odd) >> kDropped;
  // subnormal: added to a number whose last place is that of To's subnormals, the processor's own rounding cuts it
  // there
  const Bits subnormal = std::bit_cast<Bits>(std::bit_cast<T>(magnitude) + std::bit_cast<T>(kMagic)) - kMagic;
  const Bits nan = kNarrowInfinity | kOne << (To::kFraction - 1) | (magnitude >> kDropped & kFractionMask);
  Bits narrowed = magnitude < kSmallest ? subnormal : normal;
  narrowed = magnitude >= kOverflow ? kNarrowInfinity : narrowed;
  narrowed = magnitude > kInfinity ? nan : narrowed;
  return {static_cast<uint16_t>(narrowed | (bits & kSign) >> (8 * sizeof(T) - 16))};
}

// An integer as a float64 that rounds to bfloat16 as the integer itself does. Of those that float64 would round the
// lowest 11 bits are dropped, and the last kept bit is set where that lost something: what was off the middle between
// two bfloat16 stays off it.
constexpr double rounded_to_odd(int64_t value) {
  constexpr int64_t kExact = int64_t{1} << 53, kLow = (1 << 11) - 1;
  const int64_t odd = (value & ~kLow) | static_cast<int64_t>((value & kLow) != 0) << 11;
  return static_cast<double>(value >= -kExact && value <= kExact ? value : odd);
}

template <class To, class From>
constexpr To truncate(From value) {
#if defined(__x86_64__) && !defined(__CUDACC__)
  // no vector instruction does this, and the scalar one by itself answers -2^63 for what does not fit
  if constexpr (std::is_same_v<To, int64_t> && std::is_same_v<From, float>) return _mm_cvttss_si64(_mm_set_ss(value));
  if constexpr (std::is_same_v<To, int64_t> && std::is_same_v<From, double>) return _mm_cvttsd_si64(_mm_set_sd(value));
#endif
  constexpr From kLimit = -static_cast<From>(std::numeric_limits<To>::min());  // 2^(bits-1), exact in any float format
  return value >= -kLimit && value < kLimit ? static_cast<To>(value) : std::numeric_limits<To>::min();
}

}  // namespace detail

template <class To, class From>
constexpr To convert(From value) {
  if constexpr (std::is_same_v<To, From>) {
    return value;
  } else if constexpr (std::is_same_v<From, Half>) {
    return convert<To>(detail::half_to_float(value));
  } else if constexpr (std::is_same_v<From, BFloat16>) {
    return convert<To>(detail::bfloat16_to_float(value));
  } else if constexpr (std::is_same_v<From, BoolByte>) {
    return convert<To>(static_cast<uint8_t>(value.byte != 0));
  } else if constexpr (std::is_same_v<To, BoolByte>) {
    return {static_cast<uint8_t>(value != 0)};
  } else if constexpr (std::is_same_v<To, Half>) {
    if constexpr (std::is_same_v<From, double>)
      return detail::narrow<Half>(value);
    else
      return detail::narrow<Half>(static_cast<float>(value));  // an integer that float32 rounds is infinite in float16
  } else if constexpr (std::is_same_v<To, BFloat16>) {
    if constexpr (std::is_same_v<From, float>)
      return detail::float_to_bfloat16(value);
    else if constexpr (std::is_same_v<From, double>)
      return detail::narrow<BFloat16>(value);
    else
      return detail::narrow<BFloat16>(detail::rounded_to_odd(value));
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    if constexpr (std::is_same_v<To, uint8_t>)
      return static_cast<uint8_t>(detail::truncate<int32_t>(value));
    else
      return detail::truncate<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

// visit(Type{}) with the type that holds elements of `dtype`.
template <class Visit>
auto with_type(DType dtype, Visit&& visit) {
  switch (dtype) {
    case DType::f32:
      return visit(float{});
    case DType::f64:
      return visit(double{});
    case DType::f16:
      return visit(Half{});
    case DType::bf16:
      return visit(BFloat16{});
    case DType::i64:
      return visit(int64_t{});
    case DType::i32:
      return visit(int32_t{});
    case DType::u8:
      return visit(uint8_t{});
    case DType::b8:
      break;
  }
  return visit(BoolByte{});
}

}  // namespace pe
