#include <cmath>

#include "check/check.h"

namespace pe::check {
namespace {

struct Settings {
  bool centered;
  double momentum, weight_decay;
};

constexpr double kLr = 0.25, kAlpha = 0.75, kEps = 0.125;

struct Want {
  Values p, square, mean, buffer;
};

Want expected(const Settings& s, Want state, const Values& grads) {
  for (size_t i = 0; i < grads.size(); ++i) {
    const double g = grads[i] + s.weight_decay * state.p[i];
    double& square = state.square[i];
    square = kAlpha * square + (1 - kAlpha) * g * g;
    double variance = square;
    if (s.centered) {
      state.mean[i] = kAlpha * state.mean[i] + (1 - kAlpha) * g;
      variance -= state.mean[i] * state.mean[i];
    }
    double move = g / (std::sqrt(variance) + kEps);
    if (s.momentum != 0) move = state.buffer[i] = s.momentum * state.buffer[i] + move;
    state.p[i] -= kLr * move;
  }
  return state;
}

void check_settings(Report& report, DType dtype, Layout layout, const Settings& s) {
  std::vector<Tensor> params, grads, squares, means, buffers, steps;
  std::vector<Want> want;
  for (const Shape& shape : {Shape{3, 5}, Shape{0}, Shape{20001}, Shape{}, Shape{4, 6}}) {
    params.emplace_back(dtype, shape, layout).fill(1, -9, 9);
    grads.emplace_back(dtype, shape).fill(2, -9, 9);
    squares.emplace_back(dtype, shape).fill(3, 90, 99);  // above the square of any mean
    if (s.centered) means.emplace_back(dtype, shape).fill(4, -9, 9);
    if (s.momentum != 0) buffers.emplace_back(dtype, shape).fill(5, -9, 9);
    steps.emplace_back(dtype, Shape{1}).fill([](int64_t) { return 7; });
    const Want state{params.back().values(), squares.back().values(), s.centered ? means.back().values() : Values(),
                     s.momentum != 0 ? buffers.back().values() : Values()};
    want.push_back(expected(s, state, grads.back().values()));
  }
  Tensor lr(DType::f32, {1}), momentum(DType::f64, {1});
  lr.fill([](int64_t) { return kLr; });
  momentum.fill([&](int64_t) { return s.momentum; });

  const auto arrays = [](std::vector<Tensor>& tensors) { return std::vector<Array>(tensors.begin(), tensors.end()); };
  std::vector<Array> p = arrays(params), g = arrays(grads), q = arrays(squares), a = arrays(means), b = arrays(buffers),
                     t = arrays(steps);
  rmsprop_step_check(InOutList{p}, g, InOutList{q}, InOutList{a}, InOutList{b}, InOutList{t}, lr, momentum, kAlpha,
                     kEps, s.weight_decay);
  rmsprop_step(InOutList{p}, g, InOutList{q}, InOutList{a}, InOutList{b}, InOutList{t}, lr, momentum, kAlpha, kEps,
               s.weight_decay);
  const double tolerance = rounding(dtype);
  for (size_t i = 0; i < params.size(); ++i) {
    const std::string what = "rmsprop_step " + describe(params[i], layout);
    report.compare(what, params[i], [&] { return want[i].p; }, tolerance);
    report.compare(what + ", square", squares[i], [&] { return want[i].square; }, tolerance);
    if (s.centered) report.compare(what + ", mean", means[i], [&] { return want[i].mean; }, tolerance);
    if (s.momentum != 0) report.compare(what + ", buffer", buffers[i], [&] { return want[i].buffer; }, tolerance);
    report.compare(what + ", step", steps[i], [] { return Values{8}; }, 0);
  }
}

void check_rmsprop_step(Report& report) {
  for (DType dtype : kFloats)
    for (Layout layout : kOutputLayouts)
      for (const Settings& s : {Settings{false, 0, 0}, {false, 0.5, 0.25}, {true, 0, 0}, {true, 0.5, 0.25}})
        check_settings(report, dtype, layout, s);
}

const Registered kRmspropStep{"rmsprop_step", check_rmsprop_step};

}  // namespace
}  // namespace pe::check
