// Largest errors of the vector functions, in units in the last place, against the C library's in a wider type. Exits
// with 1 where one is larger than vec_math.h and vec_activations.h say, or has the wrong sign.
//
//   accuracy_cpu_v3         every 1009th float32 and a million float64
//   accuracy_cpu_v3 1       every float32 and 10^9 float64: an hour
//   accuracy_cpu_v3 41 erf  every 41st, and erf alone
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <limits>
#include <random>

#include "cpu/vec_activations.h"

namespace pe {
namespace {

constexpr int kAtOnce = 64;

// |got - want| in units of the last place that `want` has as a T; infinite where one is NaN or infinite and the other
// is not.
template <class T, class Wide>
double ulps(T got, Wide want) {
  constexpr double kWrong = std::numeric_limits<double>::infinity();
  const T rounded_want = static_cast<T>(want);
  if (std::isnan(got) || std::isnan(want)) return std::isnan(got) && std::isnan(want) ? 0 : kWrong;
  if (std::signbit(got) != std::signbit(rounded_want)) return kWrong;
  if (std::isinf(got) || std::isinf(rounded_want)) return got == rounded_want ? 0 : kWrong;
  int exponent;
  std::frexp(want, &exponent);
  exponent = std::max(exponent, std::numeric_limits<T>::min_exponent);
  return static_cast<double>(std::fabs(got - want) / std::ldexp(Wide(1), exponent - std::numeric_limits<T>::digits));
}

struct Worst {
  double error = 0, at = 0;
};

template <class T, class Function, class Exact>
void try_all(const T (&x)[kAtOnce], const Function& function, const Exact& exact, Worst& worst) {
  T y[kAtOnce];
  for (int i = 0; i < kAtOnce; i += kLanes<T>) store(y + i, function(load(x + i)));
  for (int i = 0; i < kAtOnce; ++i) {
    const double error = ulps(y[i], exact(x[i]));
    if (error > worst.error) worst = {error, x[i]};
  }
}

template <class Function, class Exact>
Worst worst_float32(uint64_t step, const Function& function, const Exact& exact) {
  Worst worst;
  float x[kAtOnce];
  int count = 0;
  for (uint64_t bits = 0; bits < uint64_t{1} << 32; bits += step) {
    x[count++] = std::bit_cast<float>(static_cast<uint32_t>(bits));
    if (count == kAtOnce) {
      try_all(x, function, [&](float v) { return exact(static_cast<double>(v)); }, worst);
      count = 0;
    }
  }
  return worst;
}

// Of any exponent, of moderate size, and evenly over [-2, 2] and [-750, 750]: exp of those spans all numbers.
template <class Function, class Exact>
Worst worst_float64(int64_t count, const Function& function, const Exact& exact) {
  constexpr double kInf = std::numeric_limits<double>::infinity(), kNan = std::numeric_limits<double>::quiet_NaN();
  constexpr double kSpecial[] = {0.0, -0.0, 1.0, -1.0, kInf, -kInf, kNan, 5e-324, -5e-324, 1e308, -1e308};
  std::mt19937_64 random(1);
  Worst worst;
  double x[kAtOnce];
  for (int64_t done = 0; done < count; done += kAtOnce) {
    for (int i = 0; i < kAtOnce; ++i) {
      const uint64_t bits = random();
      const double even = static_cast<double>(bits >> 11) * 0x1p-52 - 1;
      const double choices[] = {std::bit_cast<double>(bits), std::ldexp(even, static_cast<int>(bits % 24) - 12),
                                2 * even, 750 * even};
      x[i] = choices[i % 4];
    }
    if (done == 0) std::copy(std::begin(kSpecial), std::end(kSpecial), x);
    try_all(x, function, [&](double v) { return exact(static_cast<long double>(v)); }, worst);
  }
  return worst;
}

#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
constexpr bool kFused = true;
#else
constexpr bool kFused = false;
#endif

struct Run {
  uint64_t step;
  const char* only;
  bool failed = false;

  template <class Function, class Exact>
  void operator()(const char* name, double bound, const Function& function, const Exact& exact) {
    if (only && !std::strstr(name, only)) return;
    const Worst f32 = worst_float32(step, function, exact);
    const Worst f64 = worst_float64(1'000'000'000 / static_cast<int64_t>(step), function, exact);
    const bool within = f32.error <= bound && f64.error <= bound;
    failed |= !within;
    std::printf("%-16s float32 %.3f ulp at %-13a  float64 %.3f ulp at %-21a  bound %.2f%s\n", name, f32.error, f32.at,
                f64.error, f64.at, bound, within ? "" : "  TOO LARGE");
  }
};

}  // namespace
}  // namespace pe

int main(int argc, char** argv) {
  using namespace pe;
  Run run{argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1009, argc > 2 ? argv[2] : nullptr};
  if (run.step == 0) run.step = 1;
  const auto nonpositive = [](auto x) { return select(x > 0, -x, x); };
  run("exp", kFused ? 0.95 : 1.25, [](auto x) { return math::exp(x); }, [](auto x) { return std::exp(x); });
  run(
      "exp_nonpositive", kFused ? 0.95 : 1.25, [&](auto x) { return math::exp_nonpositive(nonpositive(x)); },
      [](auto x) { return std::exp(-std::fabs(x)); });
  // From -87 on no float32 is flushed, from -708 on no float64; `exact` works in the next wider format.
  const auto moderate = [](auto x) {
    const decltype(x) zero{}, least = zero - (sizeof(x[0]) == 4 ? 87 : 708), most = zero + 80;
    return select(x < least, least, select(x > most, most, x));
  };
  run(
      "exp_flushed", kFused ? 0.95 : 1.25, [&](auto x) { return math::exp_flushed(moderate(x)); },
      [](auto x) { return std::exp(std::isnan(x) ? x : std::clamp<decltype(x)>(x, sizeof(x) == 8 ? -87 : -708, 80)); });
  run("expm1", 1.8, [](auto x) { return math::expm1(x); }, [](auto x) { return std::expm1(x); });
  run("log", 0.85, [](auto x) { return math::log(x); }, [](auto x) { return std::log(x); });
  run("log1p", 0.9, [](auto x) { return math::log1p(x); }, [](auto x) { return std::log1p(x); });
  run("tanh", 1.6, [](auto x) { return math::tanh(x); }, [](auto x) { return std::tanh(x); });
  run(
      "sigmoid", 2.5, [](auto x) { return math::sigmoid(x); },
      [](auto x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); });
  run("erf", kFused ? 1.5 : 1.75, [](auto x) { return math::erf(x); }, [](auto x) { return std::erf(x); });
  return run.failed;
}
