#include <cmath>

#include "check/check.h"

namespace pe::check {
namespace {

// Pairs of shapes that broadcast; the last two are large enough for several blocks of work.
const std::pair<Shape, Shape> kPairs[] = {
    {{}, {}},         {{1}, {5}},          {{0, 3}, {1, 3}},          {{7, 5}, {7, 5}},         {{33}, {4, 33}},
    {{4, 1}, {1, 9}}, {{2, 3, 4}, {3, 1}}, {{3, 1, 2, 5}, {4, 1, 1}}, {{181, 233}, {181, 233}}, {{40001}, {1}},
};

double rounded(DType dtype, double value) { return dtype == DType::f32 ? static_cast<float>(value) : value; }

template <auto kKernel, auto kOutputs>
void check_binary(Report& report, const std::string& name, std::span<const DType> dtypes, double (*f)(double, double)) {
  for (DType dtype : dtypes)
    for (Layout layout : kInputLayouts)
      for (const auto& [left, right] : kPairs) {
        if (too_many(left, layout)) continue;
        Tensor a(dtype, left, layout), b(dtype, right);
        a.fill(1, -9, 9);
        b.fill(2, 1, 8);
        Tensor out(kOutputs(a, b), layout == Layout::repeated ? Layout::rows : layout);
        const auto want = [&] {
          Values values;
          for_each_index(shape_of(out), [&](std::span<const int64_t> index) {
            values.push_back(rounded(dtype, f(at(a, index), at(b, index))));
          });
          return values;
        };
        report.expect(name + " " + describe(a, layout) + ", " + describe(b), out, want, 0, [&] { kKernel(a, b, out); });
      }
}

// The same view as an input and as the output.
template <auto kKernel>
void check_in_place(Report& report, const std::string& name, double (*f)(double, double)) {
  for (Layout layout : kOutputLayouts) {
    Tensor a(DType::f32, {37, 53}, layout), b(DType::f32, {37, 53});
    a.fill(4, -9, 9);
    b.fill(5, 1, 8);
    Values want = a.values();
    const Values right = b.values();
    for (size_t i = 0; i < want.size(); ++i) want[i] = rounded(DType::f32, f(want[i], right[i]));
    kKernel(a, b, a);
    report.compare(name + " in place, " + check::name(layout), a, [&] { return want; }, 0);
  }
}

template <auto kKernel, auto kOutputs>
void check_arithmetic(Report& report, const std::string& name, std::span<const DType> dtypes,
                      double (*f)(double, double)) {
  check_binary<kKernel, kOutputs>(report, name, dtypes, f);
  check_in_place<kKernel>(report, name, f);
  Tensor a(DType::f32, {2, 3}), b(DType::f32, {2, 4}), c(DType::f64, {2, 3});
  report.expect_refusal(name + " of shapes that do not broadcast", [&] { kOutputs(a, b); });
  report.expect_refusal(name + " of two dtypes", [&] { kOutputs(a, c); });
}

template <auto kKernel, auto kOutputs>
void check_unary(Report& report, const std::string& name, std::span<const DType> dtypes, double (*f)(double)) {
  for (DType dtype : dtypes)
    for (Layout layout : kInputLayouts)
      for (const Shape& shape : {Shape{}, Shape{0}, Shape{17}, Shape{5, 9}, Shape{3, 4, 5}, Shape{40001}}) {
        if (too_many(shape, layout)) continue;
        Tensor a(dtype, shape, layout);
        a.fill(3, -9, 9);
        Tensor out(kOutputs(a));
        const auto want = [&] {
          Values values = a.values();
          for (double& value : values) value = f(value);
          return values;
        };
        report.expect(name + " " + describe(a, layout), out, want, 0, [&] { kKernel(a, out); });
      }
}

double relu_of(double a) { return a > 0 || std::isnan(a) ? a : 0; }

void check_relu(Report& report) {
  check_unary<relu, float_like>(report, "relu", kFloats, relu_of);
  Tensor a(DType::f32, {19}), out(DType::f32, {19});
  const auto value = [](int64_t i) { return i % 3 == 0 ? NAN : i % 3 == 1 ? -INFINITY : INFINITY; };
  a.fill(value);
  const auto want = [&] {
    Values values;
    for (int64_t i = 0; i < 19; ++i) values.push_back(relu_of(value(i)));
    return values;
  };
  report.expect("relu of NaN and infinities", out, want, 0, [&] { relu(a, out); });
}

void check_relu_backward(Report& report) {
  for (DType dtype : kFloats)
    for (Layout layout : kInputLayouts)
      for (const Shape& shape : {Shape{0}, Shape{21}, Shape{6, 11}, Shape{181, 233}}) {
        if (too_many(shape, layout)) continue;
        Tensor grad(dtype, shape, layout), y(dtype, shape), out(dtype, shape);
        grad.fill(6, -9, 9);
        y.fill(7, 0, 2);
        const auto want = [&] {
          Values values = grad.values();
          const Values gate = y.values();
          for (size_t i = 0; i < values.size(); ++i) values[i] = gate[i] > 0 ? values[i] : 0;
          return values;
        };
        report.expect("relu_backward " + describe(grad, layout), out, want, 0, [&] { relu_backward(grad, y, out); });
      }
}

double sum_of(double a, double b) { return a + b; }
double difference_of(double a, double b) { return a - b; }
double product_of(double a, double b) { return a * b; }
double quotient_of(double a, double b) { return a / b; }

const Registered kAdd{"add", [](Report& r) { check_arithmetic<add, arithmetic_outputs>(r, "add", kNumbers, sum_of); }};
const Registered kSub{"sub",
                      [](Report& r) { check_arithmetic<sub, arithmetic_outputs>(r, "sub", kNumbers, difference_of); }};
const Registered kMul{"mul",
                      [](Report& r) { check_arithmetic<mul, arithmetic_outputs>(r, "mul", kNumbers, product_of); }};
const Registered kDiv{"div", [](Report& r) { check_arithmetic<div, div_outputs>(r, "div", kFloats, quotient_of); }};
const Registered kNeg{
    "neg", [](Report& r) { check_unary<neg, number_like>(r, "neg", kNumbers, [](double a) { return -a; }); }};
const Registered kRelu{"relu", check_relu};
const Registered kReluBackward{"relu_backward", check_relu_backward};

}  // namespace
}  // namespace pe::check
