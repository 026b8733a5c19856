#include <cmath>

#include "check/check.h"

namespace pe::check {
namespace {

struct Settings {
  double momentum, weight_decay;
  bool nesterov;
};

// All factors are powers of two and all numbers small, so the results are exact.
void check_settings(Report& report, DType dtype, Layout layout, const Settings& s) {
  constexpr double kLr = 0.25;
  std::vector<Tensor> params, grads, buffers;
  std::vector<Values> want, want_buffers;
  for (const Shape& shape : {Shape{3, 5}, Shape{0}, Shape{20001}, Shape{}, Shape{4, 6}}) {
    params.emplace_back(dtype, shape, layout).fill(1, -9, 9);
    grads.emplace_back(dtype, shape).fill(2, -9, 9);
    if (s.momentum != 0) buffers.emplace_back(dtype, shape).fill(3, -9, 9);
    Values p = params.back().values(), b(p.size());
    const Values g = grads.back().values();
    if (s.momentum != 0) b = buffers.back().values();
    for (size_t i = 0; i < p.size(); ++i) {
      const double step = g[i] + s.weight_decay * p[i];
      b[i] = s.momentum * b[i] + step;
      p[i] -= kLr * (s.nesterov ? step + s.momentum * b[i] : b[i]);
    }
    want.push_back(p);
    want_buffers.push_back(b);
  }
  Tensor lr(DType::f32, {1}), momentum(DType::f64, {1});
  lr.fill([](int64_t) { return kLr; });
  momentum.fill([&](int64_t) { return s.momentum; });
  if (s.momentum == 0) want_buffers.clear();

  std::vector<Array> p(params.begin(), params.end()), g(grads.begin(), grads.end()), b(buffers.begin(), buffers.end());
  sgd_step_check(InOutList{p}, g, InOutList{b}, lr, momentum, s.weight_decay, s.nesterov);
  sgd_step(InOutList{p}, g, InOutList{b}, lr, momentum, s.weight_decay, s.nesterov);
  for (size_t i = 0; i < params.size(); ++i)
    report.compare("sgd_step " + describe(params[i], layout), params[i], [&] { return want[i]; }, 0);
  for (size_t i = 0; i < buffers.size(); ++i)
    report.compare("sgd_step, buffer of " + describe(params[i]), buffers[i], [&] { return want_buffers[i]; }, 0);
}

void check_sgd_step(Report& report) {
  for (DType dtype : kFloats)
    for (Layout layout : kOutputLayouts)
      for (const Settings& s : {Settings{0, 0, false}, {0, 0.5, false}, {0.5, 0, false}, {0.5, 0.25, true}})
        check_settings(report, dtype, layout, s);
}

const Registered kSgdStep{"sgd_step", check_sgd_step};

}  // namespace
}  // namespace pe::check
