// The simulator in fast mode against what CUDA promises. Prints what is wrong; exits with the number of failures.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <cooperative_groups.h>
#include <cuda_fp16.h>

#include "cudasim/cudasim.h"

namespace cg = cooperative_groups;

static int failures = 0;
#define EXPECT(condition)                                 \
  do {                                                    \
    if (!(condition)) {                                   \
      std::printf("line %d: %s\n", __LINE__, #condition); \
      ++failures;                                         \
    }                                                     \
  } while (0)

template <class T>
struct Buffer {
  explicit Buffer(size_t count) : n(count) { EXPECT(cudaMalloc(&data, count * sizeof(T)) == cudaSuccess); }
  ~Buffer() { cudaFree(data); }
  void fill(T value) {
    const std::vector<T> host(n, value);
    cudaMemcpy(data, host.data(), n * sizeof(T), cudaMemcpyHostToDevice);
  }
  std::vector<T> host() const {
    std::vector<T> out(n);
    cudaMemcpy(out.data(), data, n * sizeof(T), cudaMemcpyDeviceToHost);
    return out;
  }
  size_t n;
  T* data = nullptr;
};

__global__ void indices(int* out) {
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  out[block * blockDim.x * blockDim.y * blockDim.z + thread] += 1;
}

static void test_indices() {
  for (const dim3 grid : {dim3(1), dim3(7), dim3(3, 2, 4)})
    for (const dim3 block : {dim3(1), dim3(33), dim3(5, 3, 2), dim3(32, 32), dim3(4, 4, 64)}) {
      const size_t n = size_t{grid.x} * grid.y * grid.z * block.x * block.y * block.z;
      Buffer<int> out(n);
      out.fill(0);
      launch(indices, grid, block)(out.data);
      for (const int value : out.host()) EXPECT(value == 1);
    }
}

// Each thread reads what its neighbour wrote in the step before.
template <int kStatic>
__global__ void rotate(int* out, int steps) {
  __shared__ int fixed[kStatic];
  DYN_SHARED(int, dynamic);
  const int t = static_cast<int>(threadIdx.x), n = static_cast<int>(blockDim.x);
  int value = t;
  for (int step = 0; step < steps; ++step) {
    int* buffer = step % 2 ? dynamic : fixed;
    buffer[t] = value;
    __syncthreads();
    value = buffer[(t + 1) % n];
  }
  out[blockIdx.x * blockDim.x + threadIdx.x] = value;
}

static void test_barriers() {
  for (const int n : {1, 31, 32, 100, 256, 1024}) {
    Buffer<int> out(static_cast<size_t>(3 * n));
    launch(rotate<1024>, 3, static_cast<unsigned>(n), static_cast<size_t>(n) * sizeof(int))(out.data, 17);
    const std::vector<int> got = out.host();
    for (int i = 0; i < 3 * n; ++i) EXPECT(got[static_cast<size_t>(i)] == (i % n + 17) % n);
  }
}

__global__ void block_votes(int* out) {
  const int t = static_cast<int>(threadIdx.x);
  const int count = __syncthreads_count(t % 3 == 0);
  const int all = __syncthreads_and(t < 100), none = __syncthreads_and(t < 99);
  const int any = __syncthreads_or(t == 99), nobody = __syncthreads_or(t == 100);
  out[t] = count * 10000 + all * 1000 + none * 100 + any * 10 + nobody;
}

// Threads that have returned are not waited for, which CUDA tolerates and inspection reports.
__global__ void early_return(int* out) {
  __shared__ int last;
  const int t = static_cast<int>(threadIdx.x);
  if (t >= 70) return;
  if (t == 69) last = 5;
  __syncthreads();
  out[t] = last;
}

static void test_block_votes() {
  Buffer<int> out(100);
  launch(block_votes, 1, 100)(out.data);
  for (const int value : out.host()) EXPECT(value == 34 * 10000 + 1000 + 10);
  out.fill(0);
  launch(early_return, 1, 100)(out.data);
  const std::vector<int> got = out.host();
  for (size_t i = 0; i < got.size(); ++i) EXPECT(got[i] == (i < 70 ? 5 : 0));
}

constexpr unsigned kAll = 0xffffffffu;

__global__ void shuffles(int* out, double* wide) {
  const int t = static_cast<int>(threadIdx.x);
  int* mine = out + t * 8;
  mine[0] = __shfl_sync(kAll, t, 5);
  mine[1] = __shfl_sync(kAll, t, 35, 16);
  mine[2] = __shfl_up_sync(kAll, t, 3);
  mine[3] = __shfl_down_sync(kAll, t, 3, 8);
  mine[4] = __shfl_xor_sync(kAll, t, 9);
  const unsigned halves = t & 16 ? 0xffff0000u : 0x0000ffffu;
  int sum = t;
  for (int lanes = 8; lanes > 0; lanes /= 2) sum += __shfl_xor_sync(halves, sum, lanes, 16);
  mine[5] = sum;
  if (t % 4 == 1) mine[6] = __shfl_sync(0x22222222u, t, 29);
  mine[7] = __shfl_xor_sync(kAll, t, 31, 4);  // out of the segment: the lane's own
  wide[t] = __shfl_down_sync(kAll, t * 0.5, 1);
}

static void test_shuffles() {
  Buffer<int> out(32 * 8);
  Buffer<double> wide(32);
  launch(shuffles, 1, 32)(out.data, wide.data);
  const std::vector<int> got = out.host();
  for (int t = 0; t < 32; ++t) {
    const int* mine = got.data() + t * 8;
    EXPECT(mine[0] == 5);
    EXPECT(mine[1] == (t & 16) + 3);
    EXPECT(mine[2] == (t < 3 ? t : t - 3));
    EXPECT(mine[3] == (t % 8 < 5 ? t + 3 : t));
    EXPECT(mine[4] == (t ^ 9));
    EXPECT(mine[5] == (t < 16 ? 120 : 376));
    if (t % 4 == 1) EXPECT(mine[6] == 29);
    EXPECT(mine[7] == ((t ^ 31) <= (t | 3) ? t ^ 31 : t));
    EXPECT(wide.host()[static_cast<size_t>(t)] == (t < 31 ? t + 1 : t) * 0.5);
  }
}

// Many masks at once, each lane in another order of them.
__global__ void votes(unsigned* out) {
  const unsigned t = threadIdx.x, lane = t % 32, warp = t / 32;
  unsigned errors = 0;
  for (unsigned round = 0; round < 50; ++round) {
    const unsigned size = 1u << (round + warp) % 6;  // tiles of 1, 2, 4, 8, 16, 32 lanes
    const unsigned first = lane / size * size;
    const unsigned mask = (size == 32 ? kAll : (1u << size) - 1) << first;
    errors += __ballot_sync(mask, lane % 2) != (mask & 0xaaaaaaaau);
    errors += __any_sync(mask, lane == first) != 1;
    errors += __all_sync(mask, lane != first) != 0;
    errors += __reduce_add_sync(mask, lane) != size * first + size * (size - 1) / 2;
    errors += __reduce_max_sync(mask, static_cast<int>(lane) - 40) != static_cast<int>(first + size) - 41;
    errors += __reduce_min_sync(mask, lane) != first;
    errors += __reduce_or_sync(mask, 1u << lane) != mask;
    errors += __reduce_and_sync(mask, ~(1u << lane)) != ~mask;
    errors += __match_any_sync(mask, lane / 2) != ((size == 1 ? 1u << lane : 3u << (lane & ~1u)));
  }
  out[t] = errors;
}

__global__ void short_warp(int* out) {
  int sum = static_cast<int>(threadIdx.x);
  if (threadIdx.x >= 40) return;
  for (int lanes = 16; lanes > 0; lanes /= 2) sum += __shfl_xor_sync(kAll, sum, lanes);
  __syncwarp();
  out[threadIdx.x] = sum;
}

static void test_votes() {
  Buffer<unsigned> out(192);
  launch(votes, 1, 192)(out.data);
  for (const unsigned errors : out.host()) EXPECT(errors == 0);
  Buffer<int> sums(40);
  launch(short_warp, 1, 45)(sums.data);
  for (int t = 0; t < 32; ++t) EXPECT(sums.host()[static_cast<size_t>(t)] == 496);
}

__global__ void groups(int* out) {
  const cg::thread_block block = cg::this_thread_block();
  const auto tile = cg::tiled_partition<8>(block);
  __shared__ int sums[8];
  const int sum = cg::reduce(tile, static_cast<int>(block.thread_rank()), cg::plus<int>());
  if (tile.thread_rank() == 0) sums[tile.meta_group_rank()] = sum;
  block.sync();
  out[block.thread_rank()] = sums[7 - tile.meta_group_rank()] + static_cast<int>(tile.ballot(tile.thread_rank() < 2));
}

static void test_groups() {
  Buffer<int> out(64);
  launch(groups, 1, 64)(out.data);
  for (int t = 0; t < 64; ++t) EXPECT(out.host()[static_cast<size_t>(t)] == 28 + 64 * (7 - t / 8) + 3);
}

struct Totals {
  int add, least, most, flags, counter;
  unsigned long long wide;
  float real;
  double precise;
};

__global__ void atomics(Totals* totals, int* ticket) {
  const int t = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  atomicAdd(&totals->add, 2);
  atomicMin(&totals->least, -t);
  atomicMax(&totals->most, t);
  atomicOr(&totals->flags, 1 << t % 20);
  atomicAdd(&totals->wide, 3);
  atomicAdd(&totals->real, 1.0f);
  atomicAdd(&totals->precise, 0.5);
  int seen = totals->counter, before;
  do {
    before = seen;
    seen = atomicCAS(&totals->counter, before, before + 1);
  } while (seen != before);
  ticket[t] = before;
}

// A lock that lanes of one warp contend for: whoever waits must let the holder go on.
__global__ void locked(int* lock, int* count) {
  while (atomicCAS(lock, 0, 1) != 0) {
  }
  const int before = *count;
  __syncwarp(1u << threadIdx.x % 32);
  *count = before + 1;
  __threadfence();
  atomicExch(lock, 0);
}

static void test_atomics() {
  Buffer<Totals> totals(1);
  totals.fill(Totals{});
  Buffer<int> ticket(20 * 96);
  launch(atomics, 20, 96)(totals.data, ticket.data);
  const Totals got = totals.host()[0];
  EXPECT(got.add == 3840 && got.least == -1919 && got.most == 1919 && got.flags == (1 << 20) - 1);
  EXPECT(got.wide == 5760 && got.real == 1920.0f && got.precise == 960.0 && got.counter == 1920);
  std::vector<int> tickets = ticket.host(), seen(1920);
  for (const int number : tickets) ++seen[static_cast<size_t>(number)];
  for (const int times : seen) EXPECT(times == 1);
  Buffer<int> lock(2);
  lock.fill(0);
  launch(locked, 3, 64)(lock.data, lock.data + 1);
  EXPECT(lock.host()[1] == 192);
}

__constant__ float weights[4];
__device__ int launches;

__global__ void symbols(float4* out, const double2* in) {
  float4 v = make_float4(weights[0], weights[1], weights[2], weights[3]);
  v.x += static_cast<float>(in[threadIdx.x].y);
  out[threadIdx.x] = v;
  if (threadIdx.x == 0) atomicAdd(&launches, 1);
}

static void test_symbols() {
  const float host_weights[4] = {1, 2, 3, 4};
  cudaMemcpyToSymbol(weights, host_weights, sizeof host_weights);
  Buffer<float4> out(8);
  Buffer<double2> in(8);
  in.fill(make_double2(1, 10));
  launch(symbols, 1, 8)(out.data, in.data);
  for (const float4 v : out.host()) EXPECT(v.x == 11 && v.y == 2 && v.z == 3 && v.w == 4);
  int count = 0;
  cudaMemcpyFromSymbol(&count, launches, sizeof count);
  EXPECT(count == 1);
}

__global__ void stuck(int* out) {
  if (threadIdx.x < 16)
    __syncthreads();
  else
    __syncwarp(0xffffffffu);
  out[threadIdx.x] = 1;
}

static void test_errors() {
  Buffer<int> out(64);
  launch(indices, 1, 1025)(out.data);
  EXPECT(cudaGetLastError() == cudaErrorInvalidConfiguration);
  EXPECT(cudaGetLastError() == cudaSuccess);
  launch(indices, dim3(0), 32)(out.data);
  EXPECT(cudaGetLastError() == cudaErrorInvalidConfiguration);
  launch(rotate<64>, 1, 32, 60 << 10)(out.data, 1);
  EXPECT(cudaGetLastError() == cudaErrorInvalidValue);
  EXPECT(cudaFuncSetAttribute(rotate<64>, cudaFuncAttributeMaxDynamicSharedMemorySize, 60 << 10) == cudaSuccess);
  launch(rotate<64>, 1, 32, 60 << 10)(out.data, 1);
  EXPECT(cudaGetLastError() == cudaSuccess);
  launch(stuck, 1, 32)(out.data);
  EXPECT(cudaGetLastError() == cudaErrorLaunchFailure);
  launch(rotate<64>, 1, 32, 256)(out.data, 2);  // and the next launch is whole again
  EXPECT(cudaDeviceSynchronize() == cudaSuccess && out.host()[31] == 1);
}

static void test_half() {
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    const __half value = __ushort_as_half(static_cast<unsigned short>(bits));
    const float wide = __half2float(value);
    if (wide == wide) EXPECT(__half_as_ushort(__float2half(wide)) == bits);
  }
  EXPECT(__half2float(__float2half(65519.0f)) == 65504.0f && isinf(__half2float(__float2half(65520.0f))));
  EXPECT(__half_as_ushort(__float2half(0x1p-25f)) == 0 && __half_as_ushort(__float2half(0x1.8p-25f)) == 1);
  EXPECT(__half2float(__double2half(2049.0)) == 2048.0f && __half2float(__double2half(2051.0)) == 2052.0f);
  EXPECT(__bfloat162float(__float2bfloat16(1.00390625f)) == 1.0f && __bfloat162float(__float2bfloat16(3.0f)) == 3.0f);
}

static void test_streams() {
  cudaStream_t stream = nullptr;
  cudaEvent_t start = nullptr, end = nullptr;
  float milliseconds = -1;
  EXPECT(cudaStreamCreate(&stream) == cudaSuccess && cudaEventCreate(&start) == cudaSuccess &&
         cudaEventCreate(&end) == cudaSuccess);
  int* data = nullptr;
  EXPECT(cudaMallocAsync(&data, 128, stream) == cudaSuccess);
  cudaEventRecord(start, stream);
  cudaMemsetAsync(data, 0, 128, stream);
  launch(indices, 1, 32, 0, stream)(data);
  cudaEventRecord(end, stream);
  int host[32];
  cudaMemcpyAsync(host, data, 128, cudaMemcpyDeviceToHost, stream);
  EXPECT(cudaStreamSynchronize(stream) == cudaSuccess && host[31] == 1);
  EXPECT(cudaEventElapsedTime(&milliseconds, start, end) == cudaSuccess && milliseconds >= 0);
  EXPECT(cudaFreeAsync(data, stream) == cudaSuccess && cudaEventDestroy(start) == cudaSuccess &&
         cudaEventDestroy(end) == cudaSuccess && cudaStreamDestroy(stream) == cudaSuccess);
}

int main() {
  test_indices();
  test_barriers();
  test_block_votes();
  test_shuffles();
  test_votes();
  test_groups();
  test_atomics();
  test_symbols();
  test_errors();
  test_half();
  test_streams();
  std::printf("%d failures\n", failures);
  return failures > 0;
}
