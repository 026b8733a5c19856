// Functions that CUDA's library lacks, and that several kernels need.
#pragma once

#include "cuda/launch.h"

namespace pe {

// 1 / (1 + exp(-a)) by an exponential that does not overflow.
template <class T>
__device__ inline T sigmoid_of(T a) {
  const T e = ::exp(-::fabs(a));
  return (a < 0 ? e : T(1)) / (1 + e);
}

}  // namespace pe
