#include <cmath>

#include "check/check.h"

namespace pe::check {
namespace {

// Pairs of shapes that broadcast; the last ones are large enough for several blocks of work.
const std::pair<Shape, Shape> kPairs[] = {
    {{}, {}},         {{1}, {5}},          {{0, 3}, {1, 3}},          {{7, 5}, {7, 5}},         {{33}, {4, 33}},
    {{4, 1}, {1, 9}}, {{2, 3, 4}, {3, 1}}, {{3, 1, 2, 5}, {4, 1, 1}}, {{181, 233}, {181, 233}}, {{40001}, {1}},
};

template <auto kKernel, auto kOutputs>
void check_binary(Report& report, const char* name, std::span<const DType> dtypes, double (*f)(double, double)) {
  for (DType dtype : dtypes)
    for (Layout layout : kInputLayouts)
      for (const auto& [left, right] : kPairs) {
        Tensor a(dtype, left, layout), b(dtype, right);
        a.fill(1, -9, 9);
        b.fill(2, 1, 8);
        Tensor out(kOutputs(a, b), layout == Layout::repeated ? Layout::rows : layout);
        std::vector<double> want;
        for_each_index(shape_of(out), [&](std::span<const int64_t> index) {
          const double y = f(at(a, index), at(b, index));
          want.push_back(dtype == DType::f32 ? static_cast<float>(y) : y);
        });
        const std::string what = std::string(name) + " " + describe(a) + " " + check::name(layout) + ", " + describe(b);
        report.expect(what, out, want, 0, [&] { kKernel(a, b, out); });
      }
}

template <auto kKernel, auto kOutputs>
void check_unary(Report& report, const char* name, std::span<const DType> dtypes, double (*f)(double)) {
  for (DType dtype : dtypes)
    for (Layout layout : kInputLayouts)
      for (const Shape& shape : {Shape{}, Shape{0}, Shape{17}, Shape{5, 9}, Shape{3, 4, 5}, Shape{40001}}) {
        Tensor a(dtype, shape, layout);
        a.fill(3, -9, 9);
        Tensor out(kOutputs(a));
        std::vector<double> want = a.values();
        for (double& value : want) value = f(value);
        report.expect(std::string(name) + " " + describe(a) + " " + check::name(layout), out, want, 0,
                      [&] { kKernel(a, out); });
      }
}

// The same view as an input and as the output.
template <auto kKernel>
void check_in_place(Report& report, const char* name, double (*f)(double, double)) {
  for (Layout layout : kOutputLayouts) {
    Tensor a(DType::f32, {37, 53}, layout), b(DType::f32, {37, 53});
    a.fill(4, -9, 9);
    b.fill(5, 1, 8);
    std::vector<double> want = a.values();
    const std::vector<double> right = b.values();
    for (size_t i = 0; i < want.size(); ++i) want[i] = static_cast<float>(f(want[i], right[i]));
    kKernel(a, b, a);
    report.compare(std::string(name) + " in place, " + check::name(layout), a, want, 0);
  }
}

double sum_of(double a, double b) { return a + b; }
double difference_of(double a, double b) { return a - b; }
double product_of(double a, double b) { return a * b; }
double quotient_of(double a, double b) { return a / b; }
double relu_of(double a) { return a > 0 || std::isnan(a) ? a : 0; }
double gate_of(double grad, double y) { return y > 0 ? grad : 0; }

template <auto kKernel, auto kOutputs>
void check_arithmetic(Report& report, const char* name, std::span<const DType> dtypes, double (*f)(double, double)) {
  check_binary<kKernel, kOutputs>(report, name, dtypes, f);
  check_in_place<kKernel>(report, name, f);
  Tensor a(DType::f32, {2, 3}), b(DType::f32, {2, 4}), c(DType::f64, {2, 3});
  report.expect_refusal(std::string(name) + " of shapes that do not broadcast", [&] { kOutputs(a, b); });
  report.expect_refusal(std::string(name) + " of two dtypes", [&] { kOutputs(a, c); });
}

void check_relu(Report& report) {
  check_unary<relu, float_like>(report, "relu", kFloats, relu_of);
  Tensor a(DType::f32, {19}), out(DType::f32, {19});
  a.fill([](int64_t i) { return i % 3 == 0 ? NAN : i % 3 == 1 ? -INFINITY : INFINITY; });
  std::vector<double> want = a.values();
  for (double& value : want) value = relu_of(value);
  report.expect("relu of NaN and infinities", out, want, 0, [&] { relu(a, out); });
}

void check_relu_backward(Report& report) {
  for (DType dtype : kFloats)
    for (Layout layout : kInputLayouts)
      for (const Shape& shape : {Shape{0}, Shape{21}, Shape{6, 11}, Shape{181, 233}}) {
        Tensor grad(dtype, shape, layout), y(dtype, shape);
        grad.fill(6, -9, 9);
        y.fill(7, 0, 2);
        Tensor out(matching(grad, y));
        std::vector<double> want = grad.values();
        const std::vector<double> gate = y.values();
        for (size_t i = 0; i < want.size(); ++i) want[i] = gate_of(want[i], gate[i]);
        report.expect("relu_backward " + describe(grad) + " " + check::name(layout), out, want, 0,
                      [&] { relu_backward(grad, y, out); });
      }
}

const Registered kAdd{
    {"add", [](Report& r) { check_arithmetic<add, arithmetic_outputs>(r, "add", kNumbers, sum_of); }}};
const Registered kSub{
    {"sub", [](Report& r) { check_arithmetic<sub, arithmetic_outputs>(r, "sub", kNumbers, difference_of); }}};
const Registered kMul{
    {"mul", [](Report& r) { check_arithmetic<mul, arithmetic_outputs>(r, "mul", kNumbers, product_of); }}};
const Registered kDiv{{"div", [](Report& r) { check_arithmetic<div, div_outputs>(r, "div", kFloats, quotient_of); }}};
const Registered kNeg{
    {"neg", [](Report& r) { check_unary<neg, number_like>(r, "neg", kNumbers, [](double a) { return -a; }); }}};
const Registered kRelu{{"relu", check_relu}};
const Registered kReluBackward{{"relu_backward", check_relu_backward}};

}  // namespace
}  // namespace pe::check
