// CUDA's words for functions and memory, and its vector types. Included by cudasim.h.
#pragma once

#include <math.h>  // the C++ library's, with the overloads of sqrt, abs, … in the global namespace

#include <cstddef>
#include <cstdint>
#include <cstring>

#define __global__
#define __device__
#define __host__
#define __managed__
#define __constant__ __attribute__((unused))
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
// A variable of a kernel's scope is then static, and each OS thread has its own; it runs one block at a time. So all
// threads of a block share it, and no two blocks do.
#define __shared__ thread_local

// Code of the simulator itself, which inspection does not look at.
#if defined(__clang__)
#define CUDASIM_UNSEEN __attribute__((no_sanitize("thread"), no_sanitize("coverage"), no_sanitize("bounds")))
#else
#define CUDASIM_UNSEEN __attribute__((no_sanitize("thread"), no_sanitize_coverage, no_sanitize("bounds")))
#endif

struct uint3 {
  unsigned x, y, z;
};

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
  constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
  constexpr operator uint3() const { return {x, y, z}; }
};

// Vectors that a GPU loads and stores with one instruction. Compilers copy a struct member by member, which under
// inspection would be several accesses; copied as a vector register it is one, as on the GPU.
#ifdef CUDASIM_INSPECT
#define CUDASIM_COPY(Name)                                        \
  __forceinline__ Name(const Name& other) : whole(other.whole) {} \
  __forceinline__ Name& operator=(const Name& other) {            \
    whole = other.whole;                                          \
    return *this;                                                 \
  }
#else
#define CUDASIM_COPY(Name)
#endif
#define CUDASIM_VECTOR2(Name, T)                                 \
  struct alignas(2 * sizeof(T)) Name {                           \
    using Whole = T __attribute__((vector_size(2 * sizeof(T)))); \
    union {                                                      \
      Whole whole;                                               \
      struct {                                                   \
        T x, y;                                                  \
      };                                                         \
    };                                                           \
    Name() = default;                                            \
    __forceinline__ Name(T x_, T y_) : x(x_), y(y_) {}           \
    CUDASIM_COPY(Name)                                           \
  };                                                             \
  __forceinline__ Name make_##Name(T x, T y) { return Name(x, y); }
#define CUDASIM_VECTOR3(Name, T) \
  struct Name {                  \
    T x, y, z;                   \
  };                             \
  __forceinline__ Name make_##Name(T x, T y, T z) { return Name{x, y, z}; }
#define CUDASIM_VECTOR4(Name, T)                                                 \
  struct alignas(4 * sizeof(T) < 16 ? 4 * sizeof(T) : 16) Name {                 \
    using Whole = T __attribute__((vector_size(4 * sizeof(T))));                 \
    union {                                                                      \
      Whole whole;                                                               \
      struct {                                                                   \
        T x, y, z, w;                                                            \
      };                                                                         \
    };                                                                           \
    Name() = default;                                                            \
    __forceinline__ Name(T x_, T y_, T z_, T w_) : x(x_), y(y_), z(z_), w(w_) {} \
    CUDASIM_COPY(Name)                                                           \
  };                                                                             \
  __forceinline__ Name make_##Name(T x, T y, T z, T w) { return Name(x, y, z, w); }
#define CUDASIM_VECTORS(Prefix, T) \
  CUDASIM_VECTOR2(Prefix##2, T) CUDASIM_VECTOR3(Prefix##3, T) CUDASIM_VECTOR4(Prefix##4, T)

CUDASIM_VECTORS(char, signed char)
CUDASIM_VECTORS(uchar, unsigned char)
CUDASIM_VECTORS(short, short)
CUDASIM_VECTORS(ushort, unsigned short)
CUDASIM_VECTORS(int, int)
CUDASIM_VECTOR2(uint2, unsigned)
CUDASIM_VECTOR4(uint4, unsigned)
CUDASIM_VECTORS(float, float)
CUDASIM_VECTOR2(longlong2, long long)
CUDASIM_VECTOR2(ulonglong2, unsigned long long)
CUDASIM_VECTOR2(double2, double)
CUDASIM_VECTOR3(double3, double)

// 32 bytes, which a GPU moves in two halves of 16.
struct alignas(16) double4 {
  double x, y, z, w;
};
__forceinline__ double4 make_double4(double x, double y, double z, double w) { return double4{x, y, z, w}; }
__forceinline__ uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return uint3{x, y, z}; }

#undef CUDASIM_VECTORS
#undef CUDASIM_VECTOR4
#undef CUDASIM_VECTOR3
#undef CUDASIM_VECTOR2
#undef CUDASIM_COPY
