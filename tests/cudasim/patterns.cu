// Known ways to walk memory, with what each costs worked out by hand. A line that ends in
//   //= read x: requests, lanes, sectors or wavefronts, ideal
// makes that many requests of its warps, and so on. All arrays begin at a multiple of 256 bytes; elements are floats.
#include "corpus.h"

// 128 threads are 4 warps; 32 floats in a row are 128 bytes: 4 sectors each.
__global__ void coalesced(const float* x, float* y) {
  const int i = threadIdx.x;
  y[i] = x[i];  //= read x: 4, 128, 16, 16; write y: 4, 128, 16, 16
}

// One float further, the row of each warp touches a fifth sector.
__global__ void misaligned(const float* x, float* y) {
  const int i = threadIdx.x;
  y[i] = x[i + 1];  //= read x: 4, 128, 20, 16; write y: 4, 128, 16, 16
}

// 8 floats apart, every lane has a sector of its own.
__global__ void strided(const float* x, float* y) {
  const int i = threadIdx.x;
  y[i] = x[8 * i];  //= read x: 1, 32, 32, 4; write y: 1, 32, 4, 4
}

__global__ void every_other(const float* x, float* y) {
  const int i = threadIdx.x;
  y[i] = x[2 * i];  //= read x: 1, 32, 8, 4; write y: 1, 32, 4, 4
}

// All lanes read one float: one sector, and less cannot be.
__global__ void broadcast(const float* x, float* y) {
  const int i = threadIdx.x;
  y[i] = x[0];  //= read x: 2, 64, 2, 2; write y: 2, 64, 8, 8
}

// Lanes go backwards: a sector is a sector.
__global__ void reversed(const float* x, float* y) {
  const int i = threadIdx.x;
  y[i] = x[31 - i];  //= read x: 1, 32, 4, 4; write y: 1, 32, 4, 4
}

// 16 bytes a lane: 512 bytes a request, 16 sectors.
__global__ void vectors(const float4* x, float4* y) {
  const int i = threadIdx.x;
  y[i] = x[i];  //= read x: 2, 64, 32, 32; write y: 2, 64, 32, 32
}

// Columns of a matrix of 32 floats a row.
__global__ void columns(const float* x, float* y) {
  const int i = threadIdx.x;
  for (int k = 0; k < 3; ++k) y[i + 32 * k] = x[i * 32 + k];  //= read x: 3, 96, 96, 12; write y: 3, 96, 12, 12
}

// A column of a tile of 32 floats a row lies in one bank: 32 wavefronts for each of the 32 warps.
__global__ void transposed(const float* x, float* y) {
  __shared__ float tile[32][32];
  const int tx = threadIdx.x, ty = threadIdx.y;
  tile[ty][tx] = x[ty * 32 + tx];  //= read x: 32, 1024, 128, 128; write tile: 32, 1024, 32, 32
  __syncthreads();
  y[ty * 32 + tx] = tile[tx][ty];  //= read tile: 32, 1024, 1024, 32; write y: 32, 1024, 128, 128
}

// With 33 floats a row, each lane has its own bank.
__global__ void padded(const float* x, float* y) {
  __shared__ float tile[32][33];
  const int tx = threadIdx.x, ty = threadIdx.y;
  tile[ty][tx] = x[ty * 32 + tx];  //= read x: 32, 1024, 128, 128; write tile: 32, 1024, 32, 32
  __syncthreads();
  y[ty * 32 + tx] = tile[tx][ty];  //= read tile: 32, 1024, 32, 32; write y: 32, 1024, 128, 128
}

// Stride 2: lanes i and i + 16 share a bank. Stride 3 shares none. One word for all lanes is no conflict.
__global__ void banks(const float* x, float* y) {
  __shared__ float s[96];
  const int i = threadIdx.x;
  for (int k = 0; k < 3; ++k) s[32 * k + i] = x[32 * k + i];  //= read x: 3, 96, 12, 12; write s: 3, 96, 3, 3
  __syncthreads();
  float sum = s[2 * i];       //= read s: 1, 32, 2, 1
  sum += s[3 * i];            //= read s: 1, 32, 1, 1
  sum += s[7];                //= read s: 1, 32, 1, 1
  sum += s[i / 2 * 32 % 96];  //= read s: 1, 32, 3, 1
  y[i] = sum;                 //= write y: 1, 32, 4, 4
}

// 16 bytes a lane are served 8 lanes at a time: 4 wavefronts, all banks busy in each.
__global__ void shared_vectors(const float4* x, float4* y) {
  __shared__ float4 s[32];
  const int i = threadIdx.x;
  s[i] = x[i];  //= read x: 1, 32, 16, 16; write s: 1, 32, 4, 4
  __syncthreads();
  y[i] = s[31 - i];  //= read s: 1, 32, 4, 4; write y: 1, 32, 16, 16
}

// 8 bytes a lane, 16 lanes at a time.
__global__ void shared_doubles(const double* x, double* y) {
  __shared__ double s[32];
  const int i = threadIdx.x;
  s[i] = x[i];  //= read x: 1, 32, 8, 8; write s: 1, 32, 2, 2
  __syncthreads();
  y[i] = s[i ^ 1];  //= read s: 1, 32, 2, 2; write y: 1, 32, 8, 8
}

// A tail: the last warp of 70 elements has 6 lanes at work.
__global__ void tail(const float* x, float* y, int n) {
  const int i = threadIdx.x;
  if (i < n) y[i] = x[i];  //= read x: 3, 70, 9, 9; write y: 3, 70, 9, 9
}

// Lane i goes round i % 4 + 1 times: 32, 24, 16 and 8 lanes. Then all are together again.
__global__ void loop_lengths(const float* x, float* y) {
  const int i = threadIdx.x;
  float sum = 0;
  for (int k = 0; k <= i % 4; ++k) sum += x[32 * k + i];  //= read x: 4, 80, 16, 10
  y[i] = sum;                                             //= write y: 1, 32, 4, 4
}

// Odd rounds are skipped by odd lanes: 32 lanes, 16, 32, 16.
__global__ void with_continue(const float* x, float* y) {
  const int i = threadIdx.x;
  float sum = 0;
  for (int k = 0; k < 4; ++k) {
    if (k % 2 && i % 2) continue;
    sum += x[32 * k + i];  //= read x: 4, 96, 16, 12
  }
  y[i] = sum;  //= write y: 1, 32, 4, 4
}

// Lanes below 8 leave in round 1, those below 16 in round 2: 32, 24, 16, 16 lanes, 4 + 3 + 2 + 2 sectors.
__global__ void with_break(const float* x, float* y) {
  const int i = threadIdx.x;
  float sum = 0;
  for (int k = 0; k < 4; ++k) {
    if (i < 8 && k == 1) break;
    if (i < 16 && k == 2) break;
    sum += x[32 * k + i];  //= read x: 4, 88, 11, 11
  }
  y[i] = sum;  //= write y: 1, 32, 4, 4
}

// The two sides of a branch are two requests of half a warp, which each touch all four sectors.
__global__ void both_sides(const float* x, float* y) {
  const int i = threadIdx.x;
  float v;
  if (i % 2) {
    v = x[i] + 1;  //= read x: 1, 16, 4, 2
  } else {
    v = x[32 + i] * 2;  //= read x: 1, 16, 4, 2
  }
  y[i] = v;  //= write y: 1, 32, 4, 4
}

__global__ void returns_early(const float* x, float* y) {
  const int i = threadIdx.x;
  const float v = x[i];  //= read x: 1, 32, 4, 4
  if (v < -1 || i % 4 == 0) return;
  y[i] = v;  //= write y: 1, 24, 4, 3
}

// A function that is called on both sides of a branch: its lanes are not together.
__device__ __attribute__((noinline)) float load(const float* x) {
  return *x;  //= read x: 2, 32, 8, 4
}
__global__ void calls(const float* x, float* y) {
  const int i = threadIdx.x;
  float v;
  if (i < 16) {
    v = load(x + 2 * i) + 1;
  } else {
    v = load(x + 2 * i) * 2;
  }
  y[i] = v;  //= write y: 1, 32, 4, 4
}

// Half a warp does more between two shuffles of its own; the lanes stay in step with their half.
__global__ void half_shuffles(const float* x, float* y) {
  const int i = threadIdx.x;
  const unsigned half_mask = i < 16 ? 0x0000ffffu : 0xffff0000u;
  float v = x[i];  //= read x: 1, 32, 4, 4
  for (int lanes = 8; lanes > 0; lanes /= 2) v += __shfl_xor_sync(half_mask, v, lanes, 16);
  y[i] = v;  //= write y: 1, 32, 4, 4
}

// One lane clears 200 bytes: 12 writes of 16 bytes and one of 8, each 4 or 2 banks of one wavefront.
__global__ void cleared(float* y) {
  __shared__ float s[50];
  const int i = threadIdx.x;
  if (i == 0) memset(s, 0, sizeof s);  //= write s: 13, 13, 13, 13
  __syncwarp();
  y[i] = s[i];  //= read s: 1, 32, 1, 1; write y: 1, 32, 4, 4
}

int main() {
  float *x = nullptr, *y = nullptr;
  cudaMalloc(&x, 1100 * sizeof *x);
  cudaMalloc(&y, 1100 * sizeof *y);
  cudaMemset(x, 0, 1100 * sizeof *x);
  auto *x4 = reinterpret_cast<float4*>(x), *y4 = reinterpret_cast<float4*>(y);
  for (auto kernel : {coalesced, misaligned}) launch(kernel, 1, 128)(x, y);
  for (auto kernel : {strided, every_other, reversed, columns, banks, loop_lengths, with_continue, with_break,
                      both_sides, returns_early, calls, half_shuffles})
    launch(kernel, 1, 32)(x, y);
  launch(broadcast, 1, 64)(x, y);
  launch(vectors, 1, 64)(x4, y4);
  for (auto kernel : {transposed, padded}) launch(kernel, 1, dim3(32, 32))(x, y);
  launch(shared_vectors, 1, 32)(x4, y4);
  launch(shared_doubles, 1, 32)(reinterpret_cast<double*>(x), reinterpret_cast<double*>(y));
  launch(cleared, 1, 32)(y);
  launch(tail, 1, 96)(x, y, 70);
}
