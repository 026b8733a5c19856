// CUDA's functions of numbers that the C++ library has not. Included by cudasim.h.
//
// The fast versions (__expf, …) are the exact ones here: results differ from a GPU's in the last bits.
#pragma once

#include "cudasim/types.h"

// As CUDA's: no templates, so that they win over std::min where that is in scope too.
#define CUDASIM_MIN_MAX(T)                                  \
  __forceinline__ T min(T a, T b) { return a < b ? a : b; } \
  __forceinline__ T max(T a, T b) { return a > b ? a : b; }
CUDASIM_MIN_MAX(int)
CUDASIM_MIN_MAX(unsigned)
CUDASIM_MIN_MAX(long)
CUDASIM_MIN_MAX(unsigned long)
CUDASIM_MIN_MAX(long long)
CUDASIM_MIN_MAX(unsigned long long)
#undef CUDASIM_MIN_MAX
__forceinline__ float min(float a, float b) { return fminf(a, b); }
__forceinline__ float max(float a, float b) { return fmaxf(a, b); }
__forceinline__ double min(double a, double b) { return fmin(a, b); }
__forceinline__ double max(double a, double b) { return fmax(a, b); }

__forceinline__ float rsqrtf(float x) { return 1.0f / sqrtf(x); }
__forceinline__ double rsqrt(double x) { return 1.0 / sqrt(x); }
__forceinline__ float rsqrt(float x) { return rsqrtf(x); }
__forceinline__ float rcbrtf(float x) { return 1.0f / cbrtf(x); }
__forceinline__ float fdividef(float a, float b) { return a / b; }
__forceinline__ float __fdividef(float a, float b) { return a / b; }
__forceinline__ float __saturatef(float x) { return fminf(fmaxf(x, 0.0f), 1.0f); }
// Names with two underscores that the C library may itself use; as macros they stay out of its way.
#define __expf(x) expf(x)
#define __exp10f(x) powf(10.0f, x)
#define __logf(x) logf(x)
#define __log2f(x) log2f(x)
#define __log10f(x) log10f(x)
#define __powf(x, y) powf(x, y)
#define __sinf(x) sinf(x)
#define __cosf(x) cosf(x)
#define __tanf(x) tanf(x)

__forceinline__ void sincospif(float x, float* s, float* c) {
  *s = static_cast<float>(sin(fmod(x, 2.0) * 3.14159265358979323846));
  *c = static_cast<float>(cos(fmod(x, 2.0) * 3.14159265358979323846));
}
__forceinline__ double sinpi(double x) { return sin(fmod(x, 2.0) * 3.14159265358979323846); }
__forceinline__ double cospi(double x) { return cos(fmod(x, 2.0) * 3.14159265358979323846); }
__forceinline__ float sinpif(float x) { return static_cast<float>(sinpi(x)); }
__forceinline__ float cospif(float x) { return static_cast<float>(cospi(x)); }
__forceinline__ float normcdff(float x) { return 0.5f * erfcf(x * -0.70710678f); }
__forceinline__ double normcdf(double x) { return 0.5 * erfc(x * -0.70710678118654752440); }

namespace cudasim {
// Keeps a product and a sum apart, which compilers may make one fused operation.
template <class T>
__forceinline__ T rounded(T value) {
  __asm__ volatile("" : "+m"(value));
  return value;
}
template <class To, class From>
__forceinline__ To bits_as(From value) {
  static_assert(sizeof(To) == sizeof(From));
  To result;
  __builtin_memcpy(&result, &value, sizeof result);
  return result;
}
}  // namespace cudasim

// Rounded to nearest each, and never fused.
__forceinline__ float __fadd_rn(float a, float b) { return cudasim::rounded(a + b); }
__forceinline__ float __fsub_rn(float a, float b) { return cudasim::rounded(a - b); }
__forceinline__ float __fmul_rn(float a, float b) { return cudasim::rounded(a * b); }
__forceinline__ float __fdiv_rn(float a, float b) { return a / b; }
__forceinline__ float __fsqrt_rn(float a) { return sqrtf(a); }
__forceinline__ float __frcp_rn(float a) { return 1.0f / a; }
__forceinline__ float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
__forceinline__ double __dadd_rn(double a, double b) { return cudasim::rounded(a + b); }
__forceinline__ double __dsub_rn(double a, double b) { return cudasim::rounded(a - b); }
__forceinline__ double __dmul_rn(double a, double b) { return cudasim::rounded(a * b); }
__forceinline__ double __ddiv_rn(double a, double b) { return a / b; }
__forceinline__ double __dsqrt_rn(double a) { return sqrt(a); }
__forceinline__ double __fma_rn(double a, double b, double c) { return fma(a, b, c); }

__forceinline__ int __float_as_int(float x) { return cudasim::bits_as<int>(x); }
__forceinline__ unsigned __float_as_uint(float x) { return cudasim::bits_as<unsigned>(x); }
__forceinline__ float __int_as_float(int x) { return cudasim::bits_as<float>(x); }
__forceinline__ float __uint_as_float(unsigned x) { return cudasim::bits_as<float>(x); }
__forceinline__ long long __double_as_longlong(double x) { return cudasim::bits_as<long long>(x); }
__forceinline__ double __longlong_as_double(long long x) { return cudasim::bits_as<double>(x); }

__forceinline__ int __float2int_rn(float x) { return static_cast<int>(rintf(x)); }
__forceinline__ int __float2int_rz(float x) { return static_cast<int>(x); }
__forceinline__ int __float2int_ru(float x) { return static_cast<int>(ceilf(x)); }
__forceinline__ int __float2int_rd(float x) { return static_cast<int>(floorf(x)); }
__forceinline__ unsigned __float2uint_rn(float x) { return static_cast<unsigned>(rintf(x)); }
__forceinline__ unsigned __float2uint_rz(float x) { return static_cast<unsigned>(x); }
__forceinline__ float __int2float_rn(int x) { return static_cast<float>(x); }
__forceinline__ float __uint2float_rn(unsigned x) { return static_cast<float>(x); }
__forceinline__ float __ll2float_rn(long long x) { return static_cast<float>(x); }
__forceinline__ float __ull2float_rn(unsigned long long x) { return static_cast<float>(x); }
__forceinline__ double __ll2double_rn(long long x) { return static_cast<double>(x); }
__forceinline__ double __ull2double_rn(unsigned long long x) { return static_cast<double>(x); }
__forceinline__ float __double2float_rn(double x) { return static_cast<float>(x); }

__forceinline__ int __popc(unsigned x) { return __builtin_popcount(x); }
__forceinline__ int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
__forceinline__ int __clz(int x) { return x ? __builtin_clz(static_cast<unsigned>(x)) : 32; }
__forceinline__ int __clzll(long long x) { return x ? __builtin_clzll(static_cast<unsigned long long>(x)) : 64; }
__forceinline__ int __ffs(int x) { return __builtin_ffs(x); }
__forceinline__ int __ffsll(long long x) { return __builtin_ffsll(x); }
__forceinline__ unsigned __brev(unsigned x) {
  unsigned reversed = 0;
  for (int bit = 0; bit < 32; ++bit) reversed |= (x >> bit & 1) << (31 - bit);
  return reversed;
}
__forceinline__ unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>(static_cast<unsigned long long>(a) * b >> 32);
}
__forceinline__ int __mulhi(int a, int b) { return static_cast<int>(static_cast<long long>(a) * b >> 32); }
__forceinline__ unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return static_cast<unsigned long long>(static_cast<unsigned __int128>(a) * b >> 64);
}
__forceinline__ unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
  return static_cast<unsigned>(((static_cast<unsigned long long>(high) << 32 | low) << (shift & 31)) >> 32);
}
__forceinline__ unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
  return static_cast<unsigned>((static_cast<unsigned long long>(high) << 32 | low) >> (shift & 31));
}

// Loads and stores with a hint for the caches, which there are none of here.
#define __ldg(pointer) (*(pointer))
#define __ldca(pointer) (*(pointer))
#define __ldcg(pointer) (*(pointer))
#define __ldcs(pointer) (*(pointer))
#define __ldcv(pointer) (*(pointer))
#define __ldlu(pointer) (*(pointer))
#define __stwb(pointer, value) (*(pointer) = (value))
#define __stcg(pointer, value) (*(pointer) = (value))
#define __stcs(pointer, value) (*(pointer) = (value))
#define __stwt(pointer, value) (*(pointer) = (value))
#define __trap() __builtin_trap()
