// The roof of a GPU: multiply-adds in registers, and the pace of copying.
//
// FLOP/s: every thread runs eight independent chains of FMAs, enough to hide the latency of one. Bytes: a copy by
// 16-byte accesses, read and written counted. On cudasim these are the simulator's own figures.
#include "roof.h"

#include <algorithm>

#include "cuda/scratch.h"
#include "cuda/strided.h"

namespace pe {

namespace {

constexpr int kChains = 8;

template <class T>
__global__ void multiply_adds(T* out, int rounds, T factor) {
  T chain[kChains];
#pragma unroll
  for (int i = 0; i < kChains; ++i) chain[i] = static_cast<T>(i);
  for (int round = 0; round < rounds; ++round) {
#pragma unroll
    for (int i = 0; i < kChains; ++i) chain[i] = chain[i] * factor + factor;
  }
  T total = 0;
#pragma unroll
  for (int i = 0; i < kChains; ++i) total += chain[i];
  out[grid_thread()] = total;
}

__global__ void copy_packs(const float* from, float* to, int64_t packs) {
  for (int64_t i = grid_thread(); i < packs; i += grid_threads()) store_pack<4>(to + 4 * i, load_pack<4>(from + 4 * i));
}

// The fastest of several runs, in seconds.
template <class Run>
double best_seconds(const Run& run) {
  constexpr int kRuns = 8;
  cudaEvent_t begin, end;
  check_cuda(cudaEventCreate(&begin), "creating an event");
  check_cuda(cudaEventCreate(&end), "creating an event");
  double best = 1e30;
  for (int i = 0; i < kRuns; ++i) {
    check_cuda(cudaEventRecord(begin, current_stream()), "recording an event");
    run();
    check_cuda(cudaEventRecord(end, current_stream()), "recording an event");
    check_cuda(cudaEventSynchronize(end), "waiting for an event");
    float milliseconds = 0;
    check_cuda(cudaEventElapsedTime(&milliseconds, begin, end), "reading an event");
    best = std::min(best, std::max(milliseconds, 1e-6F) * 1e-3);
  }
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  return best;
}

}  // namespace

Roof measure_roof() {
  int device = 0, processors = 0;
  check_cuda(cudaGetDevice(&device), "asking for the device");
  check_cuda(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device), "asking for the device");
  const int blocks = 8 * processors, rounds = processors > 8 ? 4096 : 64;
  Roof roof;
  {
    DeviceScratch<float> out(int64_t{blocks} * kThreads);
    const double seconds = best_seconds(
        [&] { enqueue(multiply_adds<float>, static_cast<unsigned>(blocks), kThreads)(out.data(), rounds, 0.5F); });
    roof.flops = 2.0 * kChains * rounds * blocks * kThreads / seconds;
  }
  const int64_t largest = processors > 8 ? int64_t{1} << 30 : int64_t{1} << 22;
  for (int64_t bytes = largest; bytes >= int64_t{1} << 20; bytes /= 8) {
    const int64_t packs = bytes / 2 / 16;
    DeviceScratch<float> from(4 * packs), to(4 * packs);
    const double seconds = best_seconds(
        [&] { enqueue(copy_packs, blocks_for(packs, kThreads), kThreads)(from.data(), to.data(), packs); });
    roof.paces.push_back({bytes, static_cast<double>(bytes) / seconds});
  }
  for (size_t i = 1; i < roof.paces.size(); ++i)
    roof.paces[i].bytes_per_second = std::max(roof.paces[i].bytes_per_second, roof.paces[i - 1].bytes_per_second);
  return roof;
}

}  // namespace pe
