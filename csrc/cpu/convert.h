// Whole vectors from one dtype to another, where the processor has an instruction for it; core/convert.h does the rest.
#pragma once

#include "core/convert.h"

#if defined(__F16C__)
#include <immintrin.h>
#endif

namespace pe::cpu {

// Converts as many elements as whole vectors of a processor's own instruction take, and returns how many.
template <class To, class From>
inline int64_t convert_vectors(To*, const From*, int64_t) {
  return 0;
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
