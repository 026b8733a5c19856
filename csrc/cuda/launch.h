// How host code starts a kernel: enqueue(kernel, grid, block, shared_bytes)(arguments…), on the caller's stream. The
// same source is CUDA under nvcc and runs on the CPU under a C++ compiler (cudasim/cudasim.h).
#pragma once

#include <algorithm>
#include <cstdint>

#include "cuda/device.h"
#include "cudasim/cudasim.h"

namespace pe {

inline constexpr int kWarp = 32;
inline constexpr unsigned kFullMask = 0xffffffffu;
inline constexpr int kThreads = 256;  // of a block, where a kernel has no reason for another number

__host__ __device__ constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Blocks for a grid-stride loop over `count` items, `per_block` at a time. The bound depends on no device, so that
// whatever is derived from the grid (the tree of a reduction) is the same everywhere.
inline unsigned blocks_for(int64_t count, int64_t per_block) {
  constexpr int64_t kMost = 4096;  // 31 blocks for each multiprocessor of the largest GPUs
  return static_cast<unsigned>(std::min(ceil_div(count, per_block), kMost));
}

inline cudaStream_t current_stream() { return static_cast<cudaStream_t>(stream_handle()); }

// device.cu; functions rather than templates, as every kernel's launch calls them.
void check_cuda(cudaError_t status, const char* what);  // throws DeviceError
// Allows blocks so many bytes of shared memory; false where the grid has no block.
bool prepare_launch(const void* kernel, dim3 grid, size_t shared_bytes);

// A grid with no block launches nothing.
template <class... Params>
auto enqueue(void (*kernel)(Params...), dim3 grid, dim3 block, size_t shared_bytes = 0) {
  return [=](const Params&... arguments) {
    if (!prepare_launch(reinterpret_cast<const void*>(kernel), grid, shared_bytes)) return;
    launch(kernel, grid, block, shared_bytes, current_stream())(arguments...);
    check_cuda(cudaGetLastError(), "launching a kernel");
  };
}

// This thread's place in the whole grid, and how many threads that has: for grid-stride loops in one dimension.
__device__ inline int64_t grid_thread() { return int64_t{blockIdx.x} * blockDim.x + threadIdx.x; }
__device__ inline int64_t grid_threads() { return int64_t{gridDim.x} * blockDim.x; }

}  // namespace pe
