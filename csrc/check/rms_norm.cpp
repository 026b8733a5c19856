#include <cmath>

#include "check/rows.h"

namespace pe::check {
namespace {

constexpr double kEps = 0.25;

double rstd_of(Row row) {
  long double squares = 0;
  for (double value : row) squares += value * value;
  return static_cast<double>(1 / std::sqrt(squares / static_cast<long double>(row.size()) + kEps));
}

void check_rms_norm(Report& report) {
  for_each_row_case(kFloats, [&](DType dtype, Layout layout, const Shape& shape) {
    Tensor a(dtype, shape, layout), weight(dtype, {shape.back()});
    a.fill(1, -5, 5);
    weight.fill(2, -3, 3);
    const auto specs = rms_norm_outputs(a, weight, kEps);
    Tensor out(specs[0]), rstd(specs[1]);
    const auto want = [&] {
      const Values w = weight.values();
      return over_rows(a.values(), shape.back(), [&](Row row) {
        Values y;
        for (size_t j = 0; j < row.size(); ++j) y.push_back(row[j] * rstd_of(row) * w[j]);
        return y;
      });
    };
    const auto wanted_rstd = [&] {
      return over_rows(a.values(), shape.back(), [](Row row) { return Values{rstd_of(row)}; });
    };
    const auto call = [&] { rms_norm(a, weight, kEps, out, rstd); };
    report.expect("rms_norm " + describe(a, layout), out, want, rounding(dtype), call);
    report.expect("rms_norm, rstd " + describe(a, layout), rstd, wanted_rstd, rounding(dtype), call);
  });
}

void check_rms_norm_backward(Report& report) {
  for_each_row_case(kFloats, [&](DType dtype, Layout layout, const Shape& shape) {
    Tensor grad(dtype, shape), a(dtype, shape, layout), weight(dtype, {shape.back()});
    Tensor rstd(dtype, Shape(shape.begin(), shape.end() - 1));
    grad.fill(4, -3, 3);
    a.fill(5, -5, 5);
    weight.fill(6, -3, 3);
    rstd.fill([](int64_t i) { return i % 2 ? 0.25 : 0.5; });  // all that follows is exact, but for the mean
    const auto specs = rms_norm_backward_outputs(grad, a, weight, rstd);
    Tensor da(specs[0]), dweight(specs[1]);
    const size_t n = static_cast<size_t>(shape.back());
    Values of_weight(n);
    const Values g = grad.values(), w = weight.values(), r = rstd.values();
    size_t at = 0;
    const Values of_a = over_rows(a.values(), shape.back(), [&](Row row) {
      const double here = r[at / n];
      long double mean = 0;
      for (size_t j = 0; j < n; ++j) {
        mean += g[at + j] * w[j] * row[j] / static_cast<long double>(n);
        of_weight[j] += g[at + j] * row[j] * here;
      }
      Values row_da;
      for (size_t j = 0; j < n; ++j)
        row_da.push_back(static_cast<double>(here * g[at + j] * w[j] - row[j] * here * here * here * mean));
      at += n;
      return row_da;
    });
    const auto call = [&] { rms_norm_backward(grad, a, weight, rstd, da, dweight); };
    const std::string what = "rms_norm_backward " + describe(a, layout);
    report.expect(what, da, [&] { return of_a; }, 4 * rounding(dtype), call);  // differences of terms that may cancel
    report.expect(what + ", weight", dweight, [&] { return of_weight; }, 0, call);
  });
}

const Registered kRmsNorm{"rms_norm", check_rms_norm};
const Registered kRmsNormBackward{"rms_norm_backward", check_rms_norm_backward};

}  // namespace
}  // namespace pe::check
