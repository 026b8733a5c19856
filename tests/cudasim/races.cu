// Kernels with one race each, and the same mended. The lines that a report must name end in "//! fault".
#include "corpus.h"

__global__ void reverse(float* x) {
  __shared__ float s[64];
  const int t = threadIdx.x;
  s[t] = x[t];       //! race
  x[t] = s[63 - t];  //! race
}
__global__ void reverse_mended(float* x) {
  __shared__ float s[64];
  const int t = threadIdx.x;
  s[t] = x[t];
  __syncthreads();
  x[t] = s[63 - t];
}

constexpr int kRow = 16;

__global__ void transpose(float* x) {
  __shared__ float square[kRow][kRow + 1];
  square[threadIdx.y][threadIdx.x] = x[threadIdx.y * kRow + threadIdx.x];  //! race
  x[threadIdx.y * kRow + threadIdx.x] = square[threadIdx.x][threadIdx.y];  //! race
}
__global__ void transpose_mended(float* x) {
  __shared__ float square[kRow][kRow + 1];
  square[threadIdx.y][threadIdx.x] = x[threadIdx.y * kRow + threadIdx.x];
  __syncthreads();
  x[threadIdx.y * kRow + threadIdx.x] = square[threadIdx.x][threadIdx.y];
}

// The barrier at the end of the loop is missing: the next tile overwrites what others still read.
__global__ void tiles(const float* in, float* out, int steps) {
  __shared__ float tile[64];
  const int t = threadIdx.x;
  float sum = 0;
  for (int k = 0; k < steps; ++k) {
    tile[t] = in[k * 64 + t];  //! race
    __syncthreads();
    sum += tile[(t + 33) % 64];  //! race
  }
  out[t] = sum;
}
__global__ void tiles_mended(const float* in, float* out, int steps) {
  __shared__ float tile[64];
  const int t = threadIdx.x;
  float sum = 0;
  for (int k = 0; k < steps; ++k) {
    tile[t] = in[k * 64 + t];
    __syncthreads();
    sum += tile[(t + 33) % 64];
    __syncthreads();
  }
  out[t] = sum;
}

__global__ void tree(const float* in, float* out) {
  __shared__ float s[128];
  const int t = threadIdx.x;
  s[t] = in[t];
  __syncthreads();
  for (int n = 64; n > 0; n /= 2)
    if (t < n) s[t] += s[t + n];  //! race
  if (t == 0) out[0] = s[0];
}
__global__ void tree_mended(const float* in, float* out) {
  __shared__ float s[128];
  const int t = threadIdx.x;
  s[t] = in[t];
  __syncthreads();
  for (int n = 64; n > 0; n /= 2) {
    if (t < n) s[t] += s[t + n];
    __syncthreads();
  }
  if (t == 0) out[0] = s[0];
}

// Lanes of a warp are not in step by themselves, volatile or not.
__global__ void warp_tail(const float* in, float* out) {
  __shared__ float s[64];
  const int t = threadIdx.x;
  volatile float* v = s;
  v[t] = in[t];
  v[t + 32] = in[t + 32];
  __syncwarp();
  for (int n = 32; n > 1; n /= 2) {
    const float sum = v[t] + v[(t + n) % 64];  //! race
    v[t] = sum;                                //! race
  }
  out[t] = v[t];
}
__global__ void warp_tail_mended(const float* in, float* out) {
  __shared__ float s[64];
  const int t = threadIdx.x;
  volatile float* v = s;
  v[t] = in[t];
  v[t + 32] = in[t + 32];
  __syncwarp();
  for (int n = 32; n > 1; n /= 2) {
    const float sum = v[t] + v[(t + n) % 64];
    __syncwarp();
    v[t] = sum;
    __syncwarp();
  }
  out[t] = v[t];
}

// A shuffle waits for the lanes of the mask, but it does not order their memory.
__global__ void shuffle_is_no_barrier(float* x) {
  __shared__ float s[32];
  const int t = threadIdx.x;
  s[t] = x[t];  //! race
  const float first = __shfl_sync(0xffffffffu, x[t], 0);
  x[t] = s[31 - t] + first;  //! race
}
__global__ void shuffle_is_no_barrier_mended(float* x) {
  __shared__ float s[32];
  const int t = threadIdx.x;
  s[t] = x[t];
  const float first = __shfl_sync(0xffffffffu, x[t], 0);
  __syncwarp();
  x[t] = s[31 - t] + first;
}

// __syncwarp orders one warp, not its neighbour.
__global__ void wrong_barrier(float* x) {
  __shared__ float s[64];
  const int t = threadIdx.x;
  s[t] = x[t];  //! race
  __syncwarp();
  x[t] = s[(t + 32) % 64];  //! race
}
__global__ void wrong_barrier_mended(float* x) {
  __shared__ float s[64];
  const int t = threadIdx.x;
  s[t] = x[t];
  __syncwarp();
  x[t] = s[t ^ 1];
}

// The halves of the mask are ordered each, not one with the other.
__global__ void half_masks(float* x) {
  __shared__ float s[32];
  const int t = threadIdx.x;
  s[t] = x[t];  //! race
  __syncwarp(t < 16 ? 0x0000ffffu : 0xffff0000u);
  x[t] = s[t ^ 16];  //! race
}
__global__ void half_masks_mended(float* x) {
  __shared__ float s[32];
  const int t = threadIdx.x;
  s[t] = x[t];
  __syncwarp(t < 16 ? 0x0000ffffu : 0xffff0000u);
  x[t] = s[t ^ 8];
}

__global__ void histogram(const int* keys, int* bins) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  bins[keys[i]]++;  //! race
}
__global__ void histogram_mended(const int* keys, int* bins) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  atomicAdd(&bins[keys[i]], 1);
}

// Counted by atomics, read without waiting for the others.
__global__ void shared_bins(const int* keys, int* bins) {
  __shared__ int mine[8];
  const int t = threadIdx.x;
  if (t < 8) mine[t] = 0;
  __syncthreads();
  atomicAdd(&mine[keys[t]], 1);             //! race
  if (t < 8) atomicAdd(&bins[t], mine[t]);  //! race
}
__global__ void shared_bins_mended(const int* keys, int* bins) {
  __shared__ int mine[8];
  const int t = threadIdx.x;
  if (t < 8) mine[t] = 0;
  __syncthreads();
  atomicAdd(&mine[keys[t]], 1);
  __syncthreads();
  if (t < 8) atomicAdd(&bins[t], mine[t]);
}

// Each block reads a neighbour that belongs to the next one.
__global__ void stencil_in_place(float* x, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const float right = i + 1 < n ? x[i + 1] : 0;  //! race
  __syncthreads();
  x[i] = right;  //! race
}
__global__ void stencil_in_place_mended(const float* x, float* y, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const float right = i + 1 < n ? x[i + 1] : 0;
  __syncthreads();
  y[i] = right;
}

// The last block adds the parts up; without a fence it may come before they are there.
__global__ void last_block(const float* in, float* parts, int* done, float* out) {
  __shared__ int is_last;
  if (threadIdx.x == 0) {
    parts[blockIdx.x] = in[blockIdx.x];  //! race
    is_last = atomicAdd(done, 1) == static_cast<int>(gridDim.x) - 1;
  }
  __syncthreads();
  if (is_last && threadIdx.x == 0) {
    float sum = 0;
    for (unsigned i = 0; i < gridDim.x; ++i) sum += parts[i];  //! race
    *out = sum;
  }
}
__global__ void last_block_mended(const float* in, float* parts, int* done, float* out) {
  __shared__ int is_last;
  if (threadIdx.x == 0) {
    parts[blockIdx.x] = in[blockIdx.x];
    __threadfence();
    is_last = atomicAdd(done, 1) == static_cast<int>(gridDim.x) - 1;
  }
  __syncthreads();
  if (is_last && threadIdx.x == 0) {
    float sum = 0;
    for (unsigned i = 0; i < gridDim.x; ++i) sum += parts[i];
    *out = sum;
  }
}

// Two bytes of one word are two elements: only those of the same index conflict.
__global__ void bytes(unsigned char* flags) {
  flags[threadIdx.x / 2] = static_cast<unsigned char>(threadIdx.x);  //! race
}
__global__ void bytes_mended(unsigned char* flags) { flags[threadIdx.x] = static_cast<unsigned char>(threadIdx.x); }

// That all write the same is allowed.
__global__ void flag(const float* x, int* found) {
  if (x[threadIdx.x] > 2) *found = static_cast<int>(threadIdx.x);  //! race
}
__global__ void flag_mended(const float* x, int* found) {
  if (x[threadIdx.x] > 2) *found = 1;
}

__global__ void wide(float4* x) {
  __shared__ float4 s[32];
  const int t = threadIdx.x;
  s[t] = x[t];                                        //! race
  reinterpret_cast<float*>(s)[t * 4 % 128 ^ 64] = 1;  //! race
  __syncthreads();
  x[t] = s[t];
}
__global__ void wide_mended(float4* x) {
  __shared__ float4 s[32];
  const int t = threadIdx.x;
  s[t] = x[t];
  __syncthreads();
  reinterpret_cast<float*>(s)[t * 4 % 128 ^ 64] = 1;
  __syncthreads();
  x[t] = s[t];
}

// A lock that is given back before what it guards is seen by all.
__global__ void lock(int* taken, int* count) {
  if (threadIdx.x != 0) return;
  while (atomicCAS(taken, 0, 1) != 0) {
  }
  *count = *count + 1;  //! race
  atomicExch(taken, 0);
}
__global__ void lock_mended(int* taken, int* count) {
  if (threadIdx.x != 0) return;
  while (atomicCAS(taken, 0, 1) != 0) {
  }
  *count = *count + 1;
  __threadfence();
  atomicExch(taken, 0);
}

int main() {
  float *x = floats(1024), *y = floats(1024);
  int *keys = small_numbers(256, 8), *bins = small_numbers(8, 1);
  for (auto kernel : {reverse, reverse_mended, wrong_barrier, wrong_barrier_mended}) launch(kernel, 1, 64)(x);
  for (auto kernel : {transpose, transpose_mended}) launch(kernel, 1, dim3(kRow, kRow))(x);
  for (auto kernel : {tiles, tiles_mended}) launch(kernel, 1, 64)(x, y, 5);
  for (auto kernel : {tree, tree_mended}) launch(kernel, 1, 128)(x, y);
  for (auto kernel : {warp_tail, warp_tail_mended}) launch(kernel, 1, 32)(x, y);
  for (auto kernel : {shuffle_is_no_barrier, shuffle_is_no_barrier_mended, half_masks, half_masks_mended})
    launch(kernel, 1, 32)(x);
  for (auto kernel : {histogram, histogram_mended}) launch(kernel, 4, 64)(keys, bins);
  for (auto kernel : {shared_bins, shared_bins_mended}) launch(kernel, 1, 64)(keys, bins);
  launch(stencil_in_place, 4, 64)(x, 256);
  launch(stencil_in_place_mended, 4, 64)(x, y, 256);
  for (auto kernel : {last_block, last_block_mended}) {
    float *parts = nullptr, *out = nullptr;
    cudaMalloc(&parts, 8 * sizeof *parts);
    cudaMalloc(&out, sizeof *out);
    launch(kernel, 8, 32)(x, parts, small_numbers(1, 1), out);
  }
  auto* flags = reinterpret_cast<unsigned char*>(small_numbers(16, 4));
  for (auto kernel : {bytes, bytes_mended}) launch(kernel, 1, 64)(flags);
  float* large = floats(32, 3);
  for (auto kernel : {flag, flag_mended}) launch(kernel, 1, 32)(large, bins);
  for (auto kernel : {wide, wide_mended}) launch(kernel, 1, 32)(reinterpret_cast<float4*>(x));
  for (auto kernel : {lock, lock_mended}) launch(kernel, 4, 32)(small_numbers(1, 1), bins);
}
