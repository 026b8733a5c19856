#include <cmath>

#include "check/check.h"

namespace pe::check {
namespace {

// sin and cos of numbers within and beyond the range of the vector reduction, NaN and infinities among them; for the
// other kernels of the family the generic check is enough.
double spread(int64_t i) {
  if (i % 7 == 5) return i % 2 ? NAN : INFINITY;
  return (i % 2 ? 1.0 : -1.0) * std::exp2(static_cast<double>(i % 29)) * 1.25;
}

template <auto kKernel>
void check_sine(Report& report, const std::string& name, double (*f)(double)) {
  for (DType dtype : kFloats) {
    Tensor a(dtype, {1003}), out(dtype, {1003});
    a.fill(spread);
    const auto want = [&] {
      Values values = a.values();
      for (double& value : values) value = f(value);
      return values;
    };
    report.expect(name + " of near and far numbers", out, want, rounding(dtype), [&] { kKernel(a, out); });
  }
}

const Registered kSin{"sin", [](Report& r) { check_sine<sin>(r, "sin", std::sin); }};
const Registered kCos{"cos", [](Report& r) { check_sine<cos>(r, "cos", std::cos); }};

}  // namespace
}  // namespace pe::check
