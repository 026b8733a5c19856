// What a kernel file includes: real CUDA under nvcc, the simulator under any C++ compiler.
//
// Kernel code is ordinary CUDA C++. Two things are written differently, because no C++ compiler can parse CUDA's form:
//   launch(kernel, grid, block, shared_bytes, stream)(arguments...)   for   kernel<<<grid, block, ...>>>(arguments...)
//   DYN_SHARED(float, tile);                                          for   extern __shared__ float tile[];
#pragma once

#ifdef __CUDACC__

#include <cuda_runtime.h>

#define DYN_SHARED(T, name)                                       \
  extern __shared__ __align__(16) unsigned char cudasim_shared[]; \
  T* name = reinterpret_cast<T*>(cudasim_shared)

template <class... P>
auto launch(void (*kernel)(P...), dim3 grid, dim3 block, size_t shared_bytes = 0, cudaStream_t stream = nullptr) {
  return [=](const P&... arguments) {
    void* addresses[] = {const_cast<void*>(static_cast<const void*>(&arguments))..., nullptr};
    cudaLaunchKernel(reinterpret_cast<const void*>(kernel), grid, block, addresses, shared_bytes, stream);
  };
}

#else

#include "cudasim/types.h"

#include "cudasim/execution.h"
#include "cudasim/math_functions.h"

#include "cudasim/atomics.h"
#include "cudasim/half.h"
#include "cudasim/host.h"
#include "cudasim/warp.h"

#endif
