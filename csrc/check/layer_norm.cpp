#include <cmath>

#include "check/rows.h"

namespace pe::check {
namespace {

constexpr double kEps = 0.25;

// A row with mean 0, and its rstd.
std::pair<Values, double> normalised(Row row) {
  long double mean = 0, squares = 0;
  for (double value : row) mean += value;
  mean /= static_cast<long double>(row.size());
  for (double value : row) squares += (value - mean) * (value - mean);
  const double rstd = static_cast<double>(1 / std::sqrt(squares / static_cast<long double>(row.size()) + kEps));
  Values x;
  for (double value : row) x.push_back(static_cast<double>((value - mean) * rstd));
  return {x, rstd};
}

void check_layer_norm(Report& report) {
  for_each_row_case(kFloats, [&](DType dtype, Layout layout, const Shape& shape) {
    Tensor a(dtype, shape, layout), weight(dtype, {shape.back()}), bias(dtype, {shape.back()});
    a.fill(1, -5, 5);
    weight.fill(2, -3, 3);
    bias.fill(3, -3, 3);
    const auto specs = layer_norm_outputs(a, weight, bias, kEps);
    Tensor out(specs[0]), rstd(specs[1]);
    const auto want = [&] {
      const Values w = weight.values(), b = bias.values();
      return over_rows(a.values(), shape.back(), [&](Row row) {
        Values y = normalised(row).first;
        for (size_t j = 0; j < y.size(); ++j) y[j] = y[j] * w[j] + b[j];
        return y;
      });
    };
    const auto wanted_rstd = [&] {
      return over_rows(a.values(), shape.back(), [&](Row row) { return Values{normalised(row).second}; });
    };
    const auto call = [&] { layer_norm(a, weight, bias, kEps, out, rstd); };
    report.expect("layer_norm " + describe(a, layout), out, want, rounding(dtype), call);
    report.expect("layer_norm, rstd " + describe(a, layout), rstd, wanted_rstd, rounding(dtype), call);
  });
}

void check_layer_norm_backward(Report& report) {
  for_each_row_case(kFloats, [&](DType dtype, Layout layout, const Shape& shape) {
    Tensor grad(dtype, shape), a(dtype, shape, layout), weight(dtype, {shape.back()});
    grad.fill(4, -3, 3);
    a.fill(5, -5, 5);
    weight.fill(6, -3, 3);
    const auto specs = layer_norm_backward_outputs(grad, a, weight, kEps);
    Tensor da(specs[0]), dweight(specs[1]), dbias(specs[2]);
    const size_t n = static_cast<size_t>(shape.back());
    Values of_weight(n), of_bias(n);
    const Values g = grad.values(), w = weight.values();
    size_t at = 0;
    const Values of_a = over_rows(a.values(), shape.back(), [&](Row row) {
      const auto [x, rstd] = normalised(row);
      long double mean_h = 0, mean_hx = 0;
      for (size_t j = 0; j < n; ++j) {
        mean_h += g[at + j] * w[j] / static_cast<long double>(n);
        mean_hx += g[at + j] * w[j] * x[j] / static_cast<long double>(n);
        of_weight[j] += g[at + j] * x[j];
        of_bias[j] += g[at + j];
      }
      Values row_da;
      for (size_t j = 0; j < n; ++j)
        row_da.push_back(static_cast<double>(rstd * (g[at + j] * w[j] - mean_h - x[j] * mean_hx)));
      at += n;
      return row_da;
    });
    const auto call = [&] { layer_norm_backward(grad, a, weight, kEps, da, dweight, dbias); };
    const std::string what = "layer_norm_backward " + describe(a, layout);
    // wider than usual: differences of terms up to 9 that may cancel, and sums over 400 rows of such
    report.expect(what, da, [&] { return of_a; }, 4 * rounding(dtype), call);
    report.expect(what + ", weight", dweight, [&] { return of_weight; }, 16 * rounding(dtype), call);
    report.expect(what + ", bias", dbias, [&] { return of_bias; }, 0, call);
  });
}

const Registered kLayerNorm{"layer_norm", check_layer_norm};
const Registered kLayerNormBackward{"layer_norm_backward", check_layer_norm_backward};

}  // namespace
}  // namespace pe::check
