#include <cmath>
#include <numeric>

#include "check/rows.h"

namespace pe::check {
namespace {

void check_log_softmax(Report& report) {
  for_each_row_case(kFloats, [&](DType dtype, Layout layout, const Shape& shape) {
    Tensor a(dtype, shape, layout), out(log_softmax_outputs(a));
    a.fill(1, -20, 20);
    const auto want = [&] {
      return over_rows(a.values(), shape.back(), [](Row row) {
        Values logs(row.begin(), row.end());
        for (double& value : logs) value -= log_sum_exp(row);
        return logs;
      });
    };
    report.expect("log_softmax " + describe(a, layout), out, want, rounding(dtype), [&] { log_softmax(a, out); });
  });
}

void check_log_softmax_backward(Report& report) {
  for_each_row_case(kFloats, [&](DType dtype, Layout layout, const Shape& shape) {
    Tensor grad(dtype, shape, layout), y(dtype, shape), out(log_softmax_backward_outputs(grad, y));
    grad.fill(2, -5, 5);
    y.fill(3, -9, 0);
    const auto want = [&] {
      const Values logs = y.values();
      size_t at = 0;
      return over_rows(grad.values(), shape.back(), [&](Row row) {
        const double sum = std::accumulate(row.begin(), row.end(), 0.0);
        Values dx;
        for (double value : row) dx.push_back(value - std::exp(logs[at++]) * sum);
        return dx;
      });
    };
    report.expect("log_softmax_backward " + describe(grad, layout), out, want, rounding(dtype),
                  [&] { log_softmax_backward(grad, y, out); });
  });
}

void check_logsumexp(Report& report) {
  for_each_row_case(kFloats, [&](DType dtype, Layout layout, const Shape& shape) {
    Tensor a(dtype, shape, layout), out(logsumexp_outputs(a));
    a.fill(4, -20, 20);
    const auto want = [&] {
      return over_rows(a.values(), shape.back(), [](Row row) { return Values{log_sum_exp(row)}; });
    };
    report.expect("logsumexp " + describe(a, layout), out, want, rounding(dtype), [&] { logsumexp(a, out); });
  });
}

const Registered kLogSoftmax{"log_softmax", check_log_softmax};
const Registered kLogSoftmaxBackward{"log_softmax_backward", check_log_softmax_backward};
const Registered kLogsumexp{"logsumexp", check_logsumexp};

}  // namespace
}  // namespace pe::check
