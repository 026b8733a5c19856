// Whole vectors from one dtype to another, where the processor has an instruction for it or the compiler's own loop is
// slower; core/convert.h does the rest.
#pragma once

#include "core/convert.h"
#include "core/vec.h"
#include "cpu/shuffle.h"

#if defined(__F16C__)
#include <immintrin.h>
#endif

namespace pe::cpu {

// Converts as many elements as whole vectors take, and returns how many.
template <class To, class From>
inline int64_t convert_vectors(To*, const From*, int64_t) {
  return 0;
}

// bfloat16 as in core/convert.h, in the upper halves of the lanes.
inline Vec<uint16_t> upper_halves_rounded(const float* from) {
  const Vec<float> value = load(from);
  const Vec<uint32_t> bits = reinterpret_cast<Vec<uint32_t>>(value);
  const Vec<uint32_t> rounded = bits + 0x7fffu + (bits >> 16 & 1u);
  return reinterpret_cast<Vec<uint16_t>>(select(value == value, rounded, bits | 1u << 22));
}

// The compiler's loop shuffles three times as much: it narrows before it chooses between number and NaN.
template <>
inline int64_t convert_vectors(BFloat16* to, const float* from, int64_t n) {
  constexpr int W = kLanes<float>;
  constexpr int kUpper = std::endian::native == std::endian::little ? 1 : 0;
  int64_t i = 0;
  for (; i + 2 * W <= n; i += 2 * W) {
    const Vec<uint16_t> low = upper_halves_rounded(from + i), high = upper_halves_rounded(from + i + W);
    store(&to[i].bits, every_second<uint16_t, kUpper>(low, high));
  }
  return i;
}

#if defined(__F16C__)
template <>
inline int64_t convert_vectors(Half* to, const float* from, int64_t n) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m128i v = _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), v);
  }
  return i;
}

template <>
inline int64_t convert_vectors(float* to, const Half* from, int64_t n) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i))));
  return i;
}
#endif

}  // namespace pe::cpu
