#include <algorithm>
#include <cmath>

#include "check/rows.h"

namespace pe::check {
namespace {

// The mean of a row and Σ (x - mean)².
std::pair<double, double> moments_of(Row row) {
  long double mean = 0, squares = 0;
  for (double value : row) mean += value;
  mean /= static_cast<long double>(row.size());
  for (double value : row) squares += (value - mean) * (value - mean);
  return {static_cast<double>(mean), static_cast<double>(squares)};
}

void check_var(Report& report) {
  for_each_row_case(kFloats, [&](DType dtype, Layout layout, const Shape& shape) {
    if (shape.back() < 2) return;
    for (bool root : {false, true}) {
      Tensor a(dtype, shape, layout);
      a.fill(1, -3, 3);
      const auto specs = var_outputs(a, 1, root);
      Tensor out(specs[0]), mean(specs[1]);
      const auto want = [&](bool of_mean) {
        return over_rows(a.values(), shape.back(), [&](Row row) {
          const auto [average, squares] = moments_of(row);
          const double variance = squares / static_cast<double>(row.size() - 1);
          return Values{of_mean ? average : root ? std::sqrt(variance) : variance};
        });
      };
      const auto call = [&] { var(a, 1, root, out, mean); };
      const std::string what = (root ? "std " : "var ") + describe(a, layout);
      report.expect(what, out, [&] { return want(false); }, rounding(dtype), call);
      report.expect(what + ", mean", mean, [&] { return want(true); }, rounding(dtype), call);
    }
  });
}

const Registered kVar{"var", check_var};

}  // namespace
}  // namespace pe::check
