// The processor's multiply-add peak on one thread and the matrix product's share of it, taken in turns in one run.
//
//   peak_cpu_v3 [n ...]     square products of these sizes; 1024 where none is given
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>

#include "core/cpu_info.h"
#include "core/linked_core.h"
#include "kernels.h"
#include "roof.h"

namespace pe {
namespace {

// This thread's own time, so that other work on the machine hardly counts.
double now() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

template <class T>
void measure(const char* name, DType dtype, int64_t n) {
  const auto data = std::make_unique<T[]>(static_cast<size_t>(3 * n * n));
  for (int64_t i = 0; i < 2 * n * n; ++i) data[i] = static_cast<T>(i % 17) / 16;
  const auto matrix = [&](int64_t which) { return Array{data.get() + which * n * n, dtype, 2, {n, n}, {n, 1}}; };
  const Array a = matrix(0), b = matrix(1);
  Array out = matrix(2);

  const double flops = 2.0 * static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n);
  const int calls = static_cast<int>(std::max(1.0, 2e8 / flops));
  double peak = 0, product = 0;
  for (int round = 0; round < 20; ++round) {
    peak = std::max(peak, multiply_add_peak<T>() / 1e9);
    const double start = now();
    for (int call = 0; call < calls; ++call) matmul(a, b, nullptr, Activation::none, out);
    product = std::max(product, flops * calls / (now() - start) / 1e9);
  }
  std::printf("%s  n = %4lld  peak %6.1f GFLOP/s  matmul %6.1f GFLOP/s  %5.1f %%\n", name, static_cast<long long>(n),
              peak, product, 100 * product / peak);
}

}  // namespace
}  // namespace pe

int main(int count, char** arguments) {
  pe::set_core(&pe::kLinkedCore);
  pe::set_num_threads(1);
  std::printf("%s, one thread\n", pe::cpu_name().c_str());
  for (int i = 1; i < std::max(count, 2); ++i) {
    const int64_t n = i < count ? std::atoll(arguments[i]) : 1024;
    if (n < 1) {
      std::fprintf(stderr, "usage: %s [n ...]\n", arguments[0]);
      return 2;
    }
    pe::measure<float>("float32", pe::DType::f32, n);
    pe::measure<double>("float64", pe::DType::f64, n);
  }
}
