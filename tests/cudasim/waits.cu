// Kernels whose threads wait wrongly for each other, and the same mended. The lines that a report must name end in
// "//! fault".
#include "corpus.h"

constexpr unsigned kAll = 0xffffffffu;

__global__ void early_return(float* x, int n) {
  __shared__ float s[64];
  const int t = threadIdx.x;
  if (t >= n) return;
  s[t] = x[t];
  __syncthreads();  //! skipped barrier
  x[t] = s[n - 1 - t];
}
__global__ void early_return_mended(float* x, int n) {
  __shared__ float s[64];
  const int t = threadIdx.x;
  if (t < n) s[t] = x[t];
  __syncthreads();
  if (t < n) x[t] = s[n - 1 - t];
}

__global__ void in_both_branches(float* x, int n) {
  __shared__ float s[64];
  const int t = threadIdx.x;
  if (t < n) {
    s[t] = x[t];
    __syncthreads();  //! divergent barrier
    x[t] = s[n - 1 - t];
  } else {
    s[t] = 0;
    __syncthreads();  //! divergent barrier
  }
}
__global__ void in_both_branches_mended(float* x, int n) {
  __shared__ float s[64];
  const int t = threadIdx.x;
  s[t] = t < n ? x[t] : 0;
  __syncthreads();
  if (t < n) x[t] = s[n - 1 - t];
}

// Those that are not in the branch come to the next barrier of the source instead.
__global__ void in_one_branch(float* x, int n) {
  __shared__ float s[64];
  const int t = threadIdx.x;
  s[t] = x[t];
  if (t < n) {
    __syncthreads();  //! divergent barrier
    x[t] += s[n - 1 - t];
  }
  __syncthreads();  //! divergent barrier, skipped barrier
  x[t] += 1;
}
__global__ void in_one_branch_mended(float* x, int n) {
  __shared__ float s[64];
  const int t = threadIdx.x;
  s[t] = x[t];
  __syncthreads();
  if (t < n) x[t] += s[n - 1 - t];
  __syncthreads();
  x[t] += 1;
}

// Threads leave the loop after different numbers of rounds.
__global__ void unequal_loops(float* x) {
  const int t = threadIdx.x;
  for (int i = 0; i < 1 + t / 32; ++i) {
    x[t] += 1;
    __syncthreads();  //! skipped barrier
  }
}
__global__ void unequal_loops_mended(float* x) {
  const int t = threadIdx.x;
  for (int i = 0; i < 2; ++i) {
    if (i < 1 + t / 32) x[t] += 1;
    __syncthreads();
  }
}

__global__ void barrier_against_warp(float* x) {
  const int t = threadIdx.x;
  if (t % 2) {
    __syncthreads();  //! stuck
  } else {
    __syncwarp();  //! stuck
  }
  x[t] = 1;
}
__global__ void barrier_against_warp_mended(float* x) {
  __syncthreads();
  x[threadIdx.x] = 1;
}

__global__ void half_shuffles(float* x) {
  const int t = threadIdx.x;
  float v = x[t];
  if (t < 16) v += __shfl_down_sync(kAll, v, 8);  //! stuck
  __syncthreads();                                //! stuck
  x[t] = v;
}
__global__ void half_shuffles_mended(float* x) {
  const int t = threadIdx.x;
  float v = x[t];
  if (t < 16) v += __shfl_down_sync(0x0000ffffu, v, 8, 16);
  __syncthreads();
  x[t] = v;
}

__global__ void not_in_mask(float* x) {
  const int t = threadIdx.x;
  x[t] += __shfl_xor_sync(0x0000ffffu, x[t], 1, 16);  //! bad mask
}
__global__ void not_in_mask_mended(float* x) {
  const int t = threadIdx.x;
  x[t] += __shfl_xor_sync(t < 16 ? 0x0000ffffu : 0xffff0000u, x[t], 1, 16);
}

__global__ void reads_outside_mask(float* x) {
  const int t = threadIdx.x;
  if (t < 16) x[t] += __shfl_sync(0x0000ffffu, x[t], t + 8);  //! inactive lane
}
__global__ void reads_outside_mask_mended(float* x) {
  const int t = threadIdx.x;
  const float other = __shfl_sync(kAll, x[t], t + 8);
  __syncwarp();
  if (t < 16) x[t] += other;
}

__global__ void reads_returned_lane(float* x, int n) {
  const int t = threadIdx.x;
  if (t >= n) return;
  float v = x[t];
  for (int lanes = 16; lanes > 0; lanes /= 2) v += __shfl_xor_sync(kAll, v, lanes);  //! inactive lane
  x[t] = v;
}
__global__ void reads_returned_lane_mended(float* x, int n) {
  const int t = threadIdx.x;
  float v = t < n ? x[t] : 0;
  for (int lanes = 16; lanes > 0; lanes /= 2) v += __shfl_xor_sync(kAll, v, lanes);
  if (t < n) x[t] = v;
}

__global__ void different_masks(float* x) {
  const int t = threadIdx.x;
  const unsigned mask = t % 2 ? kAll : 0x55555555u;
  x[t] += __any_sync(mask, x[t] > 1);  //! stuck
  __syncthreads();                     //! stuck
}
__global__ void different_masks_mended(float* x) {
  const int t = threadIdx.x;
  const unsigned mask = t % 2 ? 0xaaaaaaaau : 0x55555555u;
  x[t] += __any_sync(mask, x[t] > 1);
}

__global__ void different_operations(float* x) {
  const int t = threadIdx.x;
  float v = x[t];
  if (t % 2) {
    v += __shfl_xor_sync(kAll, v, 1);  //! divergent warp operation
  } else {
    v -= __shfl_xor_sync(kAll, v, 1);  //! divergent warp operation
  }
  x[t] = v;
}
__global__ void different_operations_mended(float* x) {
  const int t = threadIdx.x;
  const float other = __shfl_xor_sync(kAll, x[t], 1);
  x[t] = t % 2 ? x[t] + other : x[t] - other;
}

int main() {
  float* x = floats(64);
  for (auto kernel : {early_return, early_return_mended, in_both_branches, in_both_branches_mended, in_one_branch,
                      in_one_branch_mended})
    launch(kernel, 1, 64)(floats(64), 40);
  for (auto kernel : {unequal_loops, unequal_loops_mended}) launch(kernel, 1, 64)(x);
  for (auto kernel : {barrier_against_warp, barrier_against_warp_mended, half_shuffles, half_shuffles_mended,
                      not_in_mask, not_in_mask_mended, reads_outside_mask, reads_outside_mask_mended, different_masks,
                      different_masks_mended, different_operations, different_operations_mended})
    launch(kernel, 1, 32)(x);
  for (auto kernel : {reads_returned_lane, reads_returned_lane_mended}) launch(kernel, 1, 32)(x, 20);
}
