#include <cmath>

#include "check/rows.h"

namespace pe::check {
namespace {

constexpr int64_t kIgnored = -100;

// What the targets of a case are: labels of which every fifth is ignored, smoothed or not, or shares of the classes.
struct Kind {
  const char* name;
  bool shares;
  double smoothing;
};
constexpr Kind kKinds[] = {{"labels", false, 0}, {"smoothed labels", false, 0.25}, {"shares", true, 0}};

Tensor targets_of(const Kind& kind, DType dtype, const Shape& shape) {
  if (kind.shares) {
    Tensor shares(dtype, shape);
    shares.fill(3, 0, 2);
    return shares;
  }
  Tensor labels(DType::i64, Shape(shape.begin(), shape.end() - 1));
  labels.fill([&](int64_t r) { return static_cast<double>(r % 5 == 4 ? kIgnored : r * 7 % shape.back()); });
  return labels;
}

// f(row of logits, q) -> the values of each row's result; q is all 0 where ignored.
template <class F>
Values over_targets(const Tensor& logits, const Tensor& target, const Kind& kind, int64_t classes, const F& f) {
  const Values t = target.values();
  const size_t n = static_cast<size_t>(classes);
  size_t r = 0;
  return over_rows(logits.values(), classes, [&](Row row) {
    Values q(n);
    for (size_t j = 0; j < n && (kind.shares || t[r] != kIgnored); ++j) {
      const double share = kind.shares ? t[r * n + j] : t[r] == static_cast<double>(j);
      q[j] = (1 - kind.smoothing) * share + kind.smoothing / static_cast<double>(n);
    }
    ++r;
    return f(row, q);
  });
}

// body(kind, what, logits, target, tolerance); a sum over shares of all classes grows with their number.
template <class Body>
void for_each_case(const Body& body) {
  for (const Kind& kind : kKinds)
    for_each_row_case(kFloats, [&](DType dtype, Layout layout, const Shape& shape) {
      Tensor logits(dtype, shape, layout), target = targets_of(kind, dtype, shape);
      logits.fill(1, -9, 9);
      body(kind, std::string(kind.name) + " " + describe(logits, layout), logits, target,
           rounding(dtype) * (kind.shares ? static_cast<double>(shape.back()) : 1));
    });
}

void check_rows(Report& report) {
  for_each_case([&](const Kind& kind, const std::string& what, Tensor& logits, Tensor& target, double tolerance) {
    const Ints ignore = ints({kIgnored});
    const auto specs = cross_entropy_rows_outputs(logits, target, kind.smoothing, ignore);
    Tensor losses(specs[0]), mass(specs[1]);
    const auto want = [&] {
      return over_targets(logits, target, kind, logits.shape[logits.ndim - 1], [](Row row, const Values& q) {
        long double loss = 0;
        const double log_sum = log_sum_exp(row);
        for (size_t j = 0; j < q.size(); ++j) loss += q[j] * (log_sum - row[j]);
        return Values{static_cast<double>(loss)};
      });
    };
    report.expect("cross_entropy_rows of " + what, losses, want, tolerance,
                  [&] { cross_entropy_rows(logits, target, kind.smoothing, ignore, losses, mass); });
  });
  Tensor logits(DType::f32, {2, 3}), labels(DType::i64, {2}), losses(DType::f32, {2}), mass(DType::f32, {2});
  logits.fill(6, -3, 3);
  labels.fill([](int64_t i) { return i == 1 ? 3.0 : 0.0; });
  report.expect_refusal("cross_entropy_rows with a label outside of its classes",
                        [&] { cross_entropy_rows(logits, labels, 0, Ints{}, losses, mass); });
}

void check_backward(Report& report) {
  for_each_case([&](const Kind& kind, const std::string& what, Tensor& logits, Tensor& target, double tolerance) {
    const Ints ignore = ints({kIgnored});
    Tensor grad(cross_entropy_rows_outputs(logits, target, kind.smoothing, ignore)[0]);
    grad.fill([](int64_t r) { return static_cast<double>(r % 3) - 1; });
    Tensor out(cross_entropy_rows_backward_outputs(grad, logits, target, kind.smoothing, ignore));
    const auto want = [&] {
      int r = 0;
      return over_targets(logits, target, kind, logits.shape[logits.ndim - 1], [&](Row row, const Values& q) {
        const double g = r++ % 3 - 1, log_sum = log_sum_exp(row);
        double mass = 0;
        for (double share : q) mass += share;
        Values dx;
        for (size_t j = 0; j < q.size(); ++j) dx.push_back(g * (mass * std::exp(row[j] - log_sum) - q[j]));
        return dx;
      });
    };
    report.expect("cross_entropy_rows_backward of " + what, out, want, tolerance,
                  [&] { cross_entropy_rows_backward(grad, logits, target, kind.smoothing, ignore, out); });
  });
}

void check_label_weights(Report& report) {
  for (DType dtype : kFloats)
    for (Layout layout : {Layout::rows, Layout::gaps, Layout::backwards}) {
      Tensor labels(DType::i64, {40001}), weight(dtype, {7}, layout);
      labels.fill([](int64_t i) { return static_cast<double>(i % 5 == 4 ? kIgnored : i % 7); });
      weight.fill(5, 1, 9);
      const Ints ignore = ints({kIgnored});
      Tensor out(label_weights_outputs(labels, weight, ignore));
      const auto want = [&] {
        const Values w = weight.values();
        Values chosen;
        for (double label : labels.values()) chosen.push_back(label == kIgnored ? 0 : w[static_cast<size_t>(label)]);
        return chosen;
      };
      report.expect("label_weights " + describe(weight, layout), out, want, 0,
                    [&] { label_weights(labels, weight, ignore, out); });
    }
}

const Registered kRows{"cross_entropy_rows", check_rows};
const Registered kRowsBackward{"cross_entropy_rows_backward", check_backward};
const Registered kLabelWeights{"label_weights", check_label_weights};

}  // namespace
}  // namespace pe::check
