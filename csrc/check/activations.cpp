#include <cmath>

#include "check/check.h"

namespace pe::check {
namespace {

// The kernels with settings; those of arrays alone are put through the generic check. alpha and the slope are 1.5,
// beta is 2, the threshold 1.
double softplus_at(double a) { return 2 * a > 1 ? a : std::log1p(std::exp(2 * a)) / 2; }
double softplus_slope(double a) { return 2 * a > 1 ? 1 : 1 / (1 + std::exp(-2 * a)); }
double leaky_at(double a) { return a > 0 ? a : 1.5 * a; }
double leaky_slope(double a) { return a > 0 ? 1 : 1.5; }
double elu_at(double a) { return a > 0 ? a : 1.5 * std::expm1(a); }
double elu_slope(double a) { return a > 0 ? 1 : 1.5 * std::exp(a); }

template <class Visit>
void for_each_input(const Visit& visit) {
  for (DType dtype : kFloats)
    for (Layout layout : kInputLayouts)
      for (const Shape& shape : {Shape{}, Shape{0, 3}, Shape{17}, Shape{5, 9}, Shape{40001}}) {
        if (too_many(shape, layout)) continue;
        Tensor a(dtype, shape, layout);
        visit(a.fill(1, -30, 30), layout);
      }
}

// run(a, out) against f on each element
template <class Run>
void check_function(Report& report, const std::string& kernel, const Run& run, double (*f)(double)) {
  for_each_input([&](const Tensor& a, Layout layout) {
    Tensor out(like(a));
    const auto want = [&] {
      Values values = a.values();
      for (double& value : values) value = f(value);
      return values;
    };
    report.expect(kernel + " " + describe(a, layout), out, want, rounding(a.dtype), [&] { run(a, out); });
  });
}

// run(grad, a, out) against grad · slope(a)
template <class Run>
void check_backward(Report& report, const std::string& kernel, const Run& run, double (*slope)(double)) {
  for_each_input([&](const Tensor& a, Layout layout) {
    Tensor grad(like(a)), out(like(a));
    grad.fill(2, -9, 9);
    const auto want = [&] {
      Values values = grad.values();
      const Values at = a.values();
      for (size_t i = 0; i < values.size(); ++i) values[i] *= slope(at[i]);
      return values;
    };
    report.expect(kernel + " " + describe(a, layout), out, want, rounding(a.dtype), [&] { run(grad, a, out); });
  });
}

void check_softplus(Report& report) {
  check_function(report, "softplus", [](In a, Out out) { softplus(a, 2, 1, out); }, softplus_at);
}

void check_leaky_relu(Report& report) {
  check_function(report, "leaky_relu", [](In a, Out out) { leaky_relu(a, 1.5, out); }, leaky_at);
}

void check_elu(Report& report) {
  check_function(report, "elu", [](In a, Out out) { elu(a, 1.5, out); }, elu_at);
}

void check_softplus_backward(Report& report) {
  check_backward(
      report, "softplus_backward", [](In grad, In a, Out out) { softplus_backward(grad, a, 2, 1, out); },
      softplus_slope);
}

void check_leaky_relu_backward(Report& report) {
  check_backward(
      report, "leaky_relu_backward", [](In grad, In a, Out out) { leaky_relu_backward(grad, a, 1.5, out); },
      leaky_slope);
}

void check_elu_backward(Report& report) {
  check_backward(report, "elu_backward", [](In grad, In a, Out out) { elu_backward(grad, a, 1.5, out); }, elu_slope);
}

const Registered kSoftplus{"softplus", check_softplus};
const Registered kSoftplusBackward{"softplus_backward", check_softplus_backward};
const Registered kLeakyRelu{"leaky_relu", check_leaky_relu};
const Registered kLeakyReluBackward{"leaky_relu_backward", check_leaky_relu_backward};
const Registered kElu{"elu", check_elu};
const Registered kEluBackward{"elu_backward", check_elu_backward};

}  // namespace
}  // namespace pe::check
