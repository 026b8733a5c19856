// Kernels that use memory that is not theirs or that nobody has written, and the same mended. The lines that a report
// must name end in "//! fault".
#include "corpus.h"

__global__ void one_too_many(float* x, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i <= n) x[i] = 1;  //! out of bounds
}
__global__ void one_too_many_mended(float* x, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] = 1;
}

__global__ void no_guard(const float* x, float* y) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  y[i] = x[i];  //! out of bounds
}
__global__ void no_guard_mended(const float* x, float* y, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = x[i];
}

__global__ void before(const float* x, float* y) {
  const int i = threadIdx.x;
  y[i] = x[i - 1];  //! out of bounds
}
__global__ void before_mended(const float* x, float* y) {
  const int i = threadIdx.x;
  y[i] = i > 0 ? x[i - 1] : 0;
}

// Rows and columns exchanged: 40 rows of 30.
__global__ void exchanged(const float* x, float* y) {
  const int row = blockIdx.x, column = threadIdx.x;
  y[row * 30 + column] = x[column * 40 + row + 40];  //! out of bounds
}
__global__ void exchanged_mended(const float* x, float* y) {
  const int row = blockIdx.x, column = threadIdx.x;
  y[row * 30 + column] = x[row * 30 + column];
}

// Four at a time, where the number of elements is no multiple of four.
__global__ void vector_tail(float* x, int n) {
  const int i = threadIdx.x * 4;
  if (i < n) *reinterpret_cast<float4*>(x + i) = make_float4(0, 0, 0, 0);  //! out of bounds
}
__global__ void vector_tail_mended(float* x, int n) {
  const int i = threadIdx.x * 4;
  if (i + 4 <= n) {
    *reinterpret_cast<float4*>(x + i) = make_float4(0, 0, 0, 0);
  } else {
    for (int k = i; k < n; ++k) x[k] = 0;
  }
}

__global__ void row_of_shared(float* x, int width) {
  __shared__ float tile[8][4];
  __shared__ float other[8];
  other[threadIdx.x] = 0;
  for (int j = 0; j < width; ++j) tile[threadIdx.x][j] = x[threadIdx.x];  //! out of bounds
  x[threadIdx.x] = tile[threadIdx.x][0] + other[threadIdx.x];
}
__global__ void row_of_shared_mended(float* x, int width) {
  __shared__ float tile[8][4];
  __shared__ float other[8];
  other[threadIdx.x] = 0;
  for (int j = 0; j < width && j < 4; ++j) tile[threadIdx.x][j] = x[threadIdx.x];
  x[threadIdx.x] = tile[threadIdx.x][0] + other[threadIdx.x];
}

__global__ void local_array(float* x, int n) {
  float few[4];
  for (int i = 0; i < n; ++i) few[i & 7] = x[i];  //! out of bounds
  x[threadIdx.x] = few[threadIdx.x & 3];
}
__global__ void local_array_mended(float* x, int n) {
  float few[4] = {};
  for (int i = 0; i < n; ++i) few[i & 3] = x[i];
  x[threadIdx.x] = few[threadIdx.x & 3];
}

__global__ void dynamic(float* x) {
  DYN_SHARED(float, s);
  const int t = threadIdx.x;
  s[t] = x[t];  //! out of bounds
  x[t] = s[t];
}
__global__ void dynamic_mended(float* x) {
  DYN_SHARED(float, s);
  const int t = threadIdx.x;
  s[t] = x[t];
  x[t] = s[t];
}

__global__ void halo(const float* x, float* y) {
  __shared__ float s[34];
  const int t = threadIdx.x;
  s[t + 1] = x[t];
  __syncthreads();
  y[t] = s[t] + s[t + 1] + s[t + 2];  //! uninitialised read
}
__global__ void halo_mended(const float* x, float* y) {
  __shared__ float s[34];
  const int t = threadIdx.x;
  s[t + 1] = x[t];
  if (t < 2) s[t * 33] = 0;
  __syncthreads();
  y[t] = s[t] + s[t + 1] + s[t + 2];
}

__global__ void sum_into(const float* x, float* sum) {
  atomicAdd(sum, x[threadIdx.x]);  //! uninitialised read
}
__global__ void sum_into_mended(const float* x, float* sum) { atomicAdd(sum, x[threadIdx.x]); }

__global__ void not_cleared(const float* x, float* y) {
  y[threadIdx.x] += x[threadIdx.x];  //! uninitialised read
}
__global__ void not_cleared_mended(const float* x, float* y) { y[threadIdx.x] = x[threadIdx.x]; }

// Only even elements get a value.
__global__ void holes(const short* x, short* y) {
  __shared__ short s[64];
  const int t = threadIdx.x;
  s[2 * t] = x[t];
  __syncthreads();
  y[t] = s[t];  //! uninitialised read
}
__global__ void holes_mended(const short* x, short* y) {
  __shared__ short s[64];
  const int t = threadIdx.x;
  s[2 * t] = x[t];
  __syncthreads();
  y[t] = s[2 * t];
}

__global__ void freed(const float* x, float* y) {
  y[threadIdx.x] = x[threadIdx.x];  //! freed memory
}
__global__ void freed_mended(const float* x, float* y) { y[threadIdx.x] = x[threadIdx.x]; }

__global__ void null(float* x) {
  x[threadIdx.x] = 1;  //! bad pointer
}
__global__ void null_mended(float* x) { x[threadIdx.x] = 1; }

__global__ void of_host(const float* x, float* y) {
  y[threadIdx.x] = x[threadIdx.x];  //! bad pointer
}
__global__ void of_host_mended(const float* x, float* y) { y[threadIdx.x] = x[threadIdx.x]; }

// Read back before the copy that was meant.
static float first_of(const float* x) {
  return x[0];  //! host access
}
static float first_of_mended(const float* x) {
  float value = 0;
  cudaMemcpy(&value, x, sizeof value, cudaMemcpyDeviceToHost);
  return value;
}

template <class T>
static T* empty(size_t count) {
  T* data = nullptr;
  cudaMalloc(&data, count * sizeof(T));
  return data;
}

int main() {
  float* x = floats(1200);
  launch(one_too_many, 4, 32)(floats(100), 100);
  launch(one_too_many_mended, 4, 32)(floats(100), 100);
  launch(no_guard, 4, 32)(floats(100), empty<float>(128));
  launch(no_guard_mended, 4, 32)(floats(100), empty<float>(128), 100);
  for (auto kernel : {before, before_mended}) launch(kernel, 1, 32)(floats(32), empty<float>(32));
  for (auto kernel : {exchanged, exchanged_mended}) launch(kernel, 40, 30)(x, empty<float>(1200));
  for (auto kernel : {vector_tail, vector_tail_mended}) launch(kernel, 1, 32)(floats(101), 101);
  for (auto kernel : {row_of_shared, row_of_shared_mended}) launch(kernel, 1, 1)(floats(8), 5);
  for (auto kernel : {local_array, local_array_mended}) launch(kernel, 1, 1)(floats(8), 8);
  launch(dynamic, 1, 64, 63 * sizeof(float))(floats(64));
  launch(dynamic_mended, 1, 64, 64 * sizeof(float))(floats(64));
  for (auto kernel : {halo, halo_mended}) launch(kernel, 2, 32)(floats(64), empty<float>(64));
  float* sum = empty<float>(1);
  launch(sum_into, 1, 32)(x, sum);
  cudaMemset(sum, 0, sizeof *sum);
  launch(sum_into_mended, 1, 32)(x, sum);
  for (auto kernel : {not_cleared, not_cleared_mended}) launch(kernel, 1, 32)(x, empty<float>(32));
  auto* shorts = reinterpret_cast<short*>(small_numbers(32, 32));
  for (auto kernel : {holes, holes_mended}) launch(kernel, 1, 32)(shorts, empty<short>(64));
  float* gone = floats(32);
  launch(freed_mended, 1, 32)(gone, empty<float>(32));
  cudaFree(gone);
  launch(freed, 1, 32)(gone, empty<float>(32));
  launch(null, 1, 32)(nullptr);
  launch(null_mended, 1, 32)(empty<float>(32));
  const std::vector<float> host(32);
  launch(of_host, 1, 32)(host.data(), empty<float>(32));
  launch(of_host_mended, 1, 32)(x, empty<float>(32));
  return first_of(x) + first_of_mended(x) > 1e9f;
}
