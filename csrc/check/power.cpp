#include <cmath>

#include "check/check.h"

namespace pe::check {
namespace {

// Signs and special values of pow, which the generic check's small numbers miss.
const double kSpecial[] = {0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.0, INFINITY, -INFINITY, NAN};

void check_special(Report& report) {
  for (DType dtype : kFloats) {
    const auto base = [](int64_t i) { return kSpecial[i % 10]; };
    const auto exponent = [](int64_t i) { return kSpecial[i / 10]; };
    Tensor a(dtype, {100}), b(dtype, {100}), out(dtype, {100});
    a.fill(base);
    b.fill(exponent);
    const auto want = [&] {
      Values values;
      for (int64_t i = 0; i < 100; ++i) values.push_back(std::pow(base(i), exponent(i)));
      return values;
    };
    report.expect("pow of special values", out, want, rounding(dtype), [&] { pow(a, b, out); });
  }
}

const Registered kPow{"pow", check_special};

}  // namespace
}  // namespace pe::check
