#include <cmath>
#include <limits>

#include "check/check.h"

namespace pe::check {
namespace {

// Division of integers by -1, and of the least of them, which no processor does; and by 0.
void check_traps(Report& report) {
  constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
  Tensor a(DType::i64, {19}), b(DType::i64, {19}), out(DType::i64, {19});
  a.fill(1, -9, 9);
  b.fill([](int64_t) { return -1.0; });
  for (int64_t i = 0; i < 19; i += 4) a.as<int64_t>()[i] = kLeast;
  const auto want = [&] {
    Values values = a.values();
    for (double& value : values) value = value == static_cast<double>(kLeast) ? value : -value;
    return values;
  };
  report.expect("floor_divide by -1", out, want, 0, [&] { floor_divide(a, b, out); });
  report.expect("remainder by -1", out, [] { return Values(19, 0); }, 0, [&] { remainder(a, b, out); });

  Tensor zero(DType::i64, {5, 1}, Layout::gaps), wide(DType::i64, {5, 19});
  zero.fill([](int64_t i) { return static_cast<double>(4 - i); });
  try {
    floor_divide(a, zero, wide);
    report.fail("floor_divide by 0: accepted");
  } catch (const std::domain_error&) {
  }
}

const Registered kTraps{"floor_divide", check_traps};

}  // namespace
}  // namespace pe::check
