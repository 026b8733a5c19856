// SIMD by the compilers' vector extensions: the same source for SSE2, AVX2, AVX-512 and NEON, no intrinsics.
//
// Vec<T> is a vector register of T. + - * / and comparisons work lane by lane, `acc += a * b` becomes one FMA where the
// processor has it. Rules that keep it fast: whole-vector expressions only (a subscript v[i] in a hot loop sends every
// register through the stack), and in a micro-kernel of MR rows and NV vectors, MR·NV + NV + 1 <= kRegisters.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

namespace pe {

#if defined(__AVX512F__)
inline constexpr int kVecBytes = 64;
inline constexpr int kRegisters = 32;
#elif defined(__AVX2__)
inline constexpr int kVecBytes = 32;
inline constexpr int kRegisters = 16;
#elif defined(__aarch64__)
inline constexpr int kVecBytes = 16;
inline constexpr int kRegisters = 32;
#else
inline constexpr int kVecBytes = 16;
inline constexpr int kRegisters = 16;
#endif

template <class T>
struct VecOf {
  typedef T type __attribute__((vector_size(kVecBytes), may_alias));
  typedef T unaligned __attribute__((vector_size(kVecBytes), may_alias, aligned(sizeof(T))));
};

template <class T>
using Vec = typename VecOf<T>::type;

template <class T>
inline constexpr int kLanes = kVecBytes / static_cast<int>(sizeof(T));

template <class T>
inline Vec<T> load(const T* p) {
  return *reinterpret_cast<const typename VecOf<T>::unaligned*>(p);
}

template <class T>
inline void store(T* p, Vec<T> v) {
  *reinterpret_cast<typename VecOf<T>::unaligned*>(p) = v;
}

// Stores v past the caches: a line that is written as a whole is then not read first, and nothing has to leave a cache
// for it. `p` is a multiple of kVecBytes. Other threads may see such stores late, until finish_streams().
// The sanitizers do not know the instruction; for them, and where there is none, it is a plain store.
inline void stream(float* p, Vec<float> v) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  store(p, v);
#elif defined(__clang__)
  __builtin_nontemporal_store(v, reinterpret_cast<Vec<float>*>(p));
#elif defined(__AVX512F__)
  __builtin_ia32_movntps512(p, v);
#elif defined(__AVX2__)
  __builtin_ia32_movntps256(p, v);
#elif defined(__x86_64__)
  __builtin_ia32_movntps(p, v);
#else
  store(p, v);
#endif
}

inline void finish_streams() {
#if defined(__x86_64__)
  __builtin_ia32_sfence();
#endif
}

template <class T>
inline Vec<T> splat(T value) {
  return value - Vec<T>{};  // x - 0 is x for every x, -0.0 and NaN included; x + 0 would lose the sign of -0.0
}

// The lane-by-lane choice that a comparison mask makes: mask ? a : b.
template <class M, class V>
inline V select(M mask, V a, V b) {
  return mask ? a : b;
}

// Whether a comparison holds for any lane.
inline bool any_lane(Vec<uint64_t> mask) {
  uint64_t lanes[kLanes<uint64_t>], found = 0;
  std::memcpy(lanes, &mask, sizeof(mask));
  for (uint64_t lane : lanes) found |= lane;
  return found != 0;
}

template <class T>
inline T sum_lanes(Vec<T> v) {
  T lanes[kLanes<T>];
  std::memcpy(lanes, &v, sizeof(v));
  // pairwise, so that the order is the same tree on every call
  for (int width = kLanes<T> / 2; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) lanes[i] += lanes[i + width];
  return lanes[0];
}

template <class T>
inline T max_lanes(Vec<T> v) {
  T lanes[kLanes<T>];
  std::memcpy(lanes, &v, sizeof(v));
  T best = lanes[0];
  for (int i = 1; i < kLanes<T>; ++i) best = lanes[i] > best || lanes[i] != lanes[i] ? lanes[i] : best;
  return best;
}

}  // namespace pe
