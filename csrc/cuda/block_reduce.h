// Reductions within a warp and within a block, in a fixed tree: the same bits every time.
//
// combine(x, y) takes and gives T, which is any trivially copyable type of whole 4-byte words. Every thread gets the
// result. Within a warp a butterfly: in round k each lane combines with the lane 2^k away, the lower lane's value
// first.
#pragma once

#include "cuda/launch.h"

namespace pe {

// x of the lane whose number differs in the bits of `lanes`; all 32 lanes must call.
template <class T>
__device__ inline T shuffle_xor(T x, int lanes) {
  static_assert(sizeof(T) % 4 == 0);
  uint32_t words[sizeof(T) / 4];
  memcpy(words, &x, sizeof(T));
#pragma unroll
  for (uint32_t& word : words) word = __shfl_xor_sync(kFullMask, word, lanes);
  memcpy(&x, words, sizeof(T));
  return x;
}
__device__ inline float shuffle_xor(float x, int lanes) { return __shfl_xor_sync(kFullMask, x, lanes); }
__device__ inline double shuffle_xor(double x, int lanes) { return __shfl_xor_sync(kFullMask, x, lanes); }

// All 32 lanes must call. kLanes < 32: within each group of that many neighbouring lanes, a power of two.
template <int kLanes = kWarp, class T, class Combine>
__device__ inline T warp_reduce(T x, Combine combine) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
#pragma unroll
  for (int distance = 1; distance < kLanes; distance *= 2) {
    const T other = shuffle_xor(x, distance);
    x = lane & distance ? combine(other, x) : combine(x, other);
  }
  return x;
}

// All threads of a block of kBlockThreads (a multiple of 32, in one dimension) must call. Two barriers, of which the
// last lets the caller call again at once.
template <int kBlockThreads = kThreads, class T, class Combine>
__device__ inline T block_reduce(T x, Combine combine) {
  constexpr int kWarps = kBlockThreads / kWarp;
  static_assert(kBlockThreads % kWarp == 0 && kWarps <= kWarp);
  __shared__ T partial[kWarps];
  x = warp_reduce(x, combine);
  if constexpr (kWarps > 1) {
    if (threadIdx.x % kWarp == 0) partial[threadIdx.x / kWarp] = x;
    __syncthreads();
    x = partial[0];
#pragma unroll
    for (int warp = 1; warp < kWarps; ++warp) x = combine(x, partial[warp]);
    __syncthreads();
  }
  return x;
}

struct Plus {
  template <class T>
  __device__ T operator()(T x, T y) const {
    return x + y;
  }
};

// A NaN on either side stays.
struct Greater {
  template <class T>
  __device__ T operator()(T x, T y) const {
    return x > y || x != x ? x : y;
  }
};

}  // namespace pe
