#include "check/rows.h"

namespace pe::check {
namespace {

void check_cumsum(Report& report) {
  for_each_row_case(kNumbers, [&](DType dtype, Layout layout, const Shape& shape) {
    Tensor a(dtype, shape, layout), out(cumsum_outputs(a));
    a.fill(1, -9, 9);
    const auto want = [&] {
      return over_rows(a.values(), shape.back(), [](Row row) {
        Values sums;
        double sum = 0;
        for (double value : row) sums.push_back(sum += value);
        return sums;
      });
    };
    report.expect("cumsum " + describe(a, layout), out, want, 0, [&] { cumsum(a, out); });
  });
}

const Registered kCumsum{"cumsum", check_cumsum};

}  // namespace
}  // namespace pe::check
