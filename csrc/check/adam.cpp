#include <cmath>

#include "check/check.h"

namespace pe::check {
namespace {

struct Settings {
  bool amsgrad;
  double weight_decay;
  bool decoupled;
};

constexpr double kLr = 0.25, kBeta1 = 0.5, kBeta2 = 0.75, kEps = 0.125, kSteps = 2;

struct Want {
  Values p, m, v, largest;
};

Want expected(const Settings& s, Want state, const Values& grads) {
  const double t = kSteps + 1;
  for (size_t i = 0; i < grads.size(); ++i) {
    double &p = state.p[i], &m = state.m[i], &v = state.v[i];
    const double g = grads[i] + (s.decoupled ? 0 : s.weight_decay) * p;
    if (s.decoupled) p -= kLr * s.weight_decay * p;
    m = kBeta1 * m + (1 - kBeta1) * g;
    v = kBeta2 * v + (1 - kBeta2) * g * g;
    if (s.amsgrad) state.largest[i] = std::max(state.largest[i], v);
    const double square = (s.amsgrad ? state.largest[i] : v) / (1 - std::pow(kBeta2, t));
    p -= kLr / (1 - std::pow(kBeta1, t)) * m / (std::sqrt(square) + kEps);
  }
  return state;
}

void check_settings(Report& report, DType dtype, Layout layout, const Settings& s, const std::vector<Shape>& shapes) {
  std::vector<Tensor> params, grads, m, v, largest, steps;
  std::vector<Want> want;
  for (const Shape& shape : shapes) {
    params.emplace_back(dtype, shape, layout).fill(1, -9, 9);
    grads.emplace_back(dtype, shape).fill(2, -9, 9);
    m.emplace_back(dtype, shape).fill(3, -9, 9);
    v.emplace_back(dtype, shape).fill(4, 1, 9);
    if (s.amsgrad) largest.emplace_back(dtype, shape).fill(5, 1, 20);
    steps.emplace_back(dtype, Shape{}).fill([](int64_t) { return kSteps; });
    const Want state{params.back().values(), m.back().values(), v.back().values(),
                     s.amsgrad ? largest.back().values() : Values()};
    want.push_back(expected(s, state, grads.back().values()));
  }
  Tensor lr(DType::f32, {1}), betas(DType::f64, {2});
  lr.fill([](int64_t) { return kLr; });
  betas.fill([](int64_t i) { return i == 0 ? kBeta1 : kBeta2; });

  const auto arrays = [](std::vector<Tensor>& tensors) { return std::vector<Array>(tensors.begin(), tensors.end()); };
  std::vector<Array> p = arrays(params), g = arrays(grads), ms = arrays(m), vs = arrays(v), ls = arrays(largest),
                     ts = arrays(steps);
  adam_step_check(InOutList{p}, g, InOutList{ms}, InOutList{vs}, InOutList{ls}, InOutList{ts}, lr, betas, kEps,
                  s.weight_decay, s.decoupled);
  adam_step(InOutList{p}, g, InOutList{ms}, InOutList{vs}, InOutList{ls}, InOutList{ts}, lr, betas, kEps,
            s.weight_decay, s.decoupled);
  const double tolerance = rounding(dtype);
  for (size_t i = 0; i < params.size(); ++i) {
    const std::string what = "adam_step " + describe(params[i], layout);
    report.compare(what, params[i], [&] { return want[i].p; }, tolerance);
    report.compare(what + ", m", m[i], [&] { return want[i].m; }, tolerance);
    report.compare(what + ", v", v[i], [&] { return want[i].v; }, tolerance);
    if (s.amsgrad) report.compare(what + ", largest v", largest[i], [&] { return want[i].largest; }, tolerance);
    report.compare(what + ", step", steps[i], [] { return Values{kSteps + 1}; }, 0);
  }
}

void check_adam_step(Report& report) {
  for (DType dtype : kFloats)
    for (Layout layout : kOutputLayouts)
      for (const Settings& s : {Settings{false, 0, false}, {false, 0.5, false}, {true, 0.5, true}, {true, 0.25, false}})
        check_settings(report, dtype, layout, s, {{3, 5}, {0}, {20001}, {}, {4, 6}});
  // more than one launch of a GPU takes
  check_settings(report, DType::f32, Layout::rows, {false, 0, false}, std::vector<Shape>(300, Shape{3}));
}

const Registered kAdamStep{"adam_step", check_adam_step};

}  // namespace
}  // namespace pe::check
