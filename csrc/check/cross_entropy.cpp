#include <algorithm>
#include <cmath>

#include "check/check.h"

namespace pe::check {
namespace {

void check_losses(Report& report, DType dtype, Layout layout, int64_t rows, int64_t classes) {
  Tensor logits(dtype, {rows, classes}, layout);
  Tensor labels(DType::i64, {rows}, layout == Layout::gaps ? Layout::gaps : Layout::rows);
  logits.fill(4, -20, 20);
  labels.fill(5, 0, static_cast<int>(classes) - 1);
  const Values x = logits.values(), label = labels.values();
  const size_t columns = static_cast<size_t>(classes);
  Values want(x.size());  // softmax - onehot
  long double total = 0;
  for (size_t row = 0; row < label.size(); ++row) {
    const double* from = x.data() + row * columns;
    const size_t target = static_cast<size_t>(label[row]);
    const double most = *std::max_element(from, from + columns);
    long double sum = 0;
    for (size_t j = 0; j < columns; ++j) sum += std::exp(from[j] - most);
    for (size_t j = 0; j < columns; ++j)
      want[row * columns + j] = static_cast<double>(std::exp(from[j] - most) / sum) - (j == target);
    total += most + std::log(static_cast<double>(sum)) - from[target];
  }
  for (double& value : want) value /= static_cast<double>(rows);
  const auto specs = cross_entropy_outputs(logits, labels, true);
  Tensor loss(specs[0]), grad(specs[1]);
  const std::string what = "cross_entropy " + describe(logits, layout);
  const Values mean = {static_cast<double>(total / rows)};
  report.expect(
      what + ", gradient", grad, [&] { return want; }, rounding(dtype),
      [&] { cross_entropy(logits, labels, true, loss, &grad); });
  report.expect(
      what + ", loss", loss, [&] { return mean; }, rounding(dtype),
      [&] { cross_entropy(logits, labels, true, loss, &grad); });
  report.expect(
      what + ", loss alone", loss, [&] { return mean; }, rounding(dtype),
      [&] { cross_entropy(logits, labels, false, loss, nullptr); });
}

void check_cross_entropy(Report& report) {
  for (DType dtype : kFloats)
    for (Layout layout : kInputLayouts)
      for (const auto& [rows, classes] : {std::pair{1, 1}, {1, 10}, {64, 10}, {9, 1003}, {700, 33}})
        if (!too_many({rows, classes}, layout)) check_losses(report, dtype, layout, rows, classes);
  Tensor logits(DType::f32, {2, 3}), labels(DType::i64, {2}), loss(DType::f32, {});
  logits.fill(6, -3, 3);
  for (double bad : {3.0, -1.0}) {
    labels.fill([&](int64_t i) { return i == 1 ? bad : 0; });
    report.expect_refusal("cross_entropy with a label outside of its classes",
                          [&] { cross_entropy(logits, labels, false, loss, nullptr); });
  }
}

const Registered kCrossEntropy{"cross_entropy", check_cross_entropy};

}  // namespace
}  // namespace pe::check
