// The processor's multiply-add peak and the pace of its memory by size, with the threads that are set.
//
// Each thread is timed by its own clock, which stands still while other work has the processor, and the best of some
// rounds counts: so a busy machine hardly lowers the roof, and a kernel under it cannot be faster. Bytes are those that
// the program asks for; the lines that a store reads first are not counted, nor are they for kernels.
#include "roof.h"

#include <algorithm>
#include <ctime>

#include "core/memory.h"
#include "core/parallel.h"
#include "core/vec.h"

namespace pe {
namespace {

constexpr int64_t kLargest = int64_t{128} << 20, kSmallest = int64_t{64} << 10;
constexpr int64_t kBytesPerRound = int64_t{8} << 20;
constexpr int kRounds = 8;

double thread_seconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// Passes over `count` floats at `data`. Each returns the bytes that it asked for.
using Pass = int64_t (*)(float* data, int64_t count);

__attribute__((noinline)) int64_t read_pass(float* data, int64_t count) {
  constexpr int kSums = 8, kStep = kSums * kLanes<float>;
  Vec<float> sum[kSums] = {};
  int64_t i = 0;
  for (; i + kStep <= count; i += kStep)
    for (int s = 0; s < kSums; ++s) sum[s] += load(data + i + s * kLanes<float>);
  for (int s = 1; s < kSums; ++s) sum[0] += sum[s];
  volatile float keep = sum_lanes<float>(sum[0]);
  static_cast<void>(keep);
  return i * static_cast<int64_t>(sizeof(float));
}

__attribute__((noinline)) int64_t copy_pass(float* data, int64_t count) {
  const int64_t half = count / 2;
  const float* from = data + half;
  for (int64_t i = 0; i < half; ++i) data[i] = from[i];
  return 2 * half * static_cast<int64_t>(sizeof(float));
}

__attribute__((noinline)) int64_t add_pass(float* data, int64_t count) {
  const int64_t third = count / 3;
  const float *a = data + third, *b = data + 2 * third;
  for (int64_t i = 0; i < third; ++i) data[i] = a[i] + b[i];
  return 3 * third * static_cast<int64_t>(sizeof(float));
}

// In place, and in four streams as an optimizer has them: a line that was read need not be fetched again to be written.
__attribute__((noinline)) int64_t update_pass(float* data, int64_t count) {
  const int64_t quarter = count / 4;
  float *a = data, *b = data + quarter, *c = data + 2 * quarter, *d = data + 3 * quarter;
  for (int64_t i = 0; i < quarter; ++i) {
    a[i] *= 0.5F;
    b[i] *= 0.5F;
    c[i] *= 0.5F;
    d[i] *= 0.5F;
  }
  return 8 * quarter * static_cast<int64_t>(sizeof(float));
}

// Sums what `measure(thread)` gives on every thread, at its best in some rounds.
template <class Measure>
double best_of_all_threads(Measure measure) {
  const int64_t threads = core().num_threads();
  std::vector<double> best(static_cast<size_t>(threads));
  for (int round = 0; round < kRounds; ++round)
    parallel_for(threads,
                 [&](int64_t t) { best[static_cast<size_t>(t)] = std::max(best[static_cast<size_t>(t)], measure(t)); });
  double total = 0;
  for (const double one : best) total += one;
  return total;
}

// The pace of `pass`, each thread repeating it over a part of its own of `count` floats.
double pace_of(Pass pass, float* data, int64_t count) {
  return best_of_all_threads([&](int64_t thread) {
    float* own = data + thread * count;
    const double start = thread_seconds();
    int64_t bytes = 0;
    do {
      bytes += pass(own, count);
    } while (bytes < kBytesPerRound);
    return static_cast<double>(bytes) / (thread_seconds() - start);
  });
}

}  // namespace

// Chains enough to hide the latency of any processor's units. The factor keeps the sums near 1: a denormal or an
// infinity could change the pace.
template <class T>
__attribute__((noinline)) double multiply_add_peak() {
  constexpr int kChains = kRegisters - 4, kSteps = 50000;
  volatile T factor = T{0.5};
  const Vec<T> x = splat<T>(factor), y = splat<T>(T{1} - factor);
  Vec<T> sum[kChains];
  for (int i = 0; i < kChains; ++i) sum[i] = splat<T>(factor + static_cast<T>(i));
  const double start = thread_seconds();
  for (int step = 0; step < kSteps; ++step) {
#pragma GCC unroll 32
    for (int i = 0; i < kChains; ++i) sum[i] = sum[i] * x + y;
  }
  const double seconds = thread_seconds() - start;
  for (int i = 1; i < kChains; ++i) sum[0] += sum[i];
  volatile T keep = sum_lanes<T>(sum[0]);
  static_cast<void>(keep);
  return 2.0 * kChains * kLanes<T> * kSteps / seconds;
}

template double multiply_add_peak<float>();
template double multiply_add_peak<double>();

Roof measure_roof() {
  Scratch<float> data(kLargest / sizeof(float));  // in huge pages, like the arrays of kernels
  std::fill_n(data.data(), kLargest / sizeof(float), 0.0F);
  Roof roof;
  roof.flops = best_of_all_threads([](int64_t) { return multiply_add_peak<float>(); });
  double best = 0;
  for (int64_t bytes = kLargest; bytes >= kSmallest; bytes /= 2) {
    const int64_t count = bytes / static_cast<int64_t>(sizeof(float)) / core().num_threads();
    for (const Pass pass : {read_pass, copy_pass, add_pass, update_pass})
      best = std::max(best, pace_of(pass, data.data(), count));
    roof.paces.push_back({bytes, best});
  }
  return roof;
}

}  // namespace pe
