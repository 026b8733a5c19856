#include <array>

#include "check/check.h"

namespace pe::check {
namespace {

struct Case {
  int64_t images, groups, inside, outside;  // channels of a group
  int64_t size[2], kernel[2], stride[2], padding[2], dilation[2];
};

// Channels below, at and above the panels of each level, rows shorter than a vector, several blocks of steps and bands,
// depthwise, pixels that no window sees, a kernel larger than the image, nothing to sum and nothing to compute.
constexpr Case kCases[] = {
    {1, 1, 1, 1, {1, 1}, {1, 1}, {1, 1}, {0, 0}, {1, 1}},    {2, 1, 3, 5, {7, 9}, {3, 3}, {1, 1}, {1, 1}, {1, 1}},
    {1, 1, 23, 33, {9, 14}, {3, 3}, {1, 1}, {1, 1}, {1, 1}}, {3, 1, 2, 16, {11, 8}, {3, 2}, {2, 3}, {0, 2}, {1, 2}},
    {2, 3, 4, 7, {6, 17}, {1, 1}, {1, 1}, {0, 0}, {1, 1}},   {2, 9, 1, 1, {10, 19}, {3, 3}, {1, 1}, {1, 1}, {1, 1}},
    {2, 5, 1, 2, {12, 11}, {5, 3}, {2, 2}, {2, 1}, {1, 1}},  {1, 1, 2, 3, {5, 5}, {7, 7}, {1, 1}, {1, 1}, {1, 1}},
    {1, 1, 3, 4, {9, 9}, {2, 2}, {4, 4}, {0, 0}, {1, 1}},    {0, 1, 3, 4, {4, 4}, {3, 3}, {1, 1}, {1, 1}, {1, 1}},
    {2, 1, 0, 3, {4, 4}, {3, 3}, {1, 1}, {1, 1}, {1, 1}},    {1, 1, 8, 18, {70, 60}, {1, 1}, {1, 1}, {0, 0}, {1, 1}},
    {9, 1, 1, 6, {28, 28}, {3, 3}, {1, 1}, {1, 1}, {1, 1}},  {1, 4, 3, 20, {8, 40}, {3, 3}, {2, 2}, {1, 1}, {1, 1}},
};

// The indices of a pixel of the result, and of the pixel and the weight whose product is part of its sum.
using Index = std::array<int64_t, 4>;

struct Product {
  Index grad, a, weight;
};

template <class Visit>
void for_each_product(const Case& c, const Array& grad, const Visit& visit) {
  for_each_index(shape_of(grad), [&](std::span<const int64_t> g) {
    for (int64_t i = 0; i < c.inside; ++i)
      for (int64_t y = 0; y < c.kernel[0]; ++y)
        for (int64_t x = 0; x < c.kernel[1]; ++x) {
          const int64_t row = g[2] * c.stride[0] + y * c.dilation[0] - c.padding[0];
          const int64_t column = g[3] * c.stride[1] + x * c.dilation[1] - c.padding[1];
          if (row < 0 || row >= c.size[0] || column < 0 || column >= c.size[1]) continue;
          visit(
              Product{{g[0], g[1], g[2], g[3]}, {g[0], g[1] / c.outside * c.inside + i, row, column}, {g[1], i, y, x}});
        }
  });
}

size_t place(const Array& a, std::span<const int64_t> index) {
  int64_t at = 0;
  for (int axis = 0; axis < a.ndim; ++axis) at = at * a.shape[axis] + index[static_cast<size_t>(axis)];
  return static_cast<size_t>(at);
}

// The operands of one case, in one layout; `outputs` is that of results.
struct Operands {
  const Case& c;
  Layout outputs;
  Ints stride, padding, dilation, kernel, size;
  Tensor a, weight, bias, shift, out, grad;

  Operands(DType dtype, const Case& shape, Layout layout)
      : c(shape),
        outputs(layout == Layout::repeated || layout == Layout::gaps ? Layout::rows : layout),
        stride(pair(c.stride)),
        padding(pair(c.padding)),
        dilation(pair(c.dilation)),
        kernel(pair(c.kernel)),
        size(pair(c.size)),
        a(dtype, {c.images, c.groups * c.inside, c.size[0], c.size[1]}, layout),
        weight(dtype, {c.groups * c.outside, c.inside, c.kernel[0], c.kernel[1]}, layout),
        bias(dtype, {c.groups * c.outside}, layout == Layout::repeated ? Layout::rows : layout),
        shift(dtype, {c.groups * c.inside}),
        out(conv2d_outputs(a, weight, &bias, Activation::none, stride, padding, dilation, c.groups), outputs),
        grad(dtype, Shape(out.shape, out.shape + 4), layout) {
    a.fill(1, -4, 4);
    weight.fill(2, -4, 4);
    bias.fill(3, -9, 9);
    shift.fill(4, -9, 9);
    grad.fill(5, -4, 4);
  }

  static Ints pair(const int64_t* values) { return ints({values[0], values[1]}); }
};

// visit(operands, what) for every case, layout and dtype.
template <class Visit>
void for_each_case(const Visit& visit) {
  for (DType dtype : kFloats)
    for (const Case& c : kCases)
      for (Layout layout : kInputLayouts) {
        if (layout != Layout::rows && c.images * c.size[0] * c.size[1] * c.inside > 2000) continue;
        Operands o(dtype, c, layout);
        visit(o, describe(o.a, layout) + " with " + describe(o.weight));
      }
}

void check_forward(Report& report) {
  int round = 0;
  for_each_case([&](Operands& o, const std::string& what) {
    const Activation act = ++round % 2 ? Activation::relu : Activation::none;
    const auto want = [&] {
      Values y(static_cast<size_t>(o.out.size()));
      for_each_product(o.c, o.out,
                       [&](const Product& p) { y[place(o.out, p.grad)] += at(o.a, p.a) * at(o.weight, p.weight); });
      for_each_index(shape_of(o.out), [&](std::span<const int64_t> i) {
        double& value = y[place(o.out, i)];
        value += at(o.bias, std::array{i[1]});
        if (act == Activation::relu && value <= 0) value = 0;
      });
      return y;
    };
    report.expect("conv2d " + what, o.out, want, 0,
                  [&] { conv2d(o.a, o.weight, &o.bias, act, o.stride, o.padding, o.dilation, o.c.groups, o.out); });
  });
}

void check_backward_input(Report& report) {
  for_each_case([&](Operands& o, const std::string& what) {
    Tensor da(
        conv2d_backward_input_outputs(o.grad, o.weight, &o.shift, o.size, o.stride, o.padding, o.dilation, o.c.groups),
        o.outputs);
    const auto want = [&] {
      Values values(static_cast<size_t>(da.size()));
      for_each_index(shape_of(da),
                     [&](std::span<const int64_t> i) { values[place(da, i)] = at(o.shift, std::array{i[1]}); });
      for_each_product(
          o.c, o.out, [&](const Product& p) { values[place(da, p.a)] += at(o.grad, p.grad) * at(o.weight, p.weight); });
      return values;
    };
    report.expect("conv2d_backward_input " + what, da, want, 0, [&] {
      conv2d_backward_input(o.grad, o.weight, &o.shift, o.size, o.stride, o.padding, o.dilation, o.c.groups, da);
    });
  });
}

void check_backward_weight(Report& report) {
  for_each_case([&](Operands& o, const std::string& what) {
    Tensor dw(conv2d_backward_weight_outputs(o.grad, o.a, o.kernel, o.stride, o.padding, o.dilation, o.c.groups),
              o.outputs);
    const auto want = [&] {
      Values values(static_cast<size_t>(dw.size()));
      for_each_product(o.c, o.out,
                       [&](const Product& p) { values[place(dw, p.weight)] += at(o.grad, p.grad) * at(o.a, p.a); });
      return values;
    };
    report.expect("conv2d_backward_weight " + what, dw, want, 0, [&] {
      conv2d_backward_weight(o.grad, o.a, o.kernel, o.stride, o.padding, o.dilation, o.c.groups, dw);
    });
  });
}

void check_refusals(Report& report) {
  Tensor a(DType::f32, {1, 4, 5, 5}), weight(DType::f32, {6, 2, 3, 3}), wide(DType::f64, {6, 2, 3, 3});
  Tensor large(DType::f32, {6, 2, 7, 3}), image(DType::f32, {4, 5, 5}), bias(DType::f32, {5});
  const Ints one = ints({1}), none = ints({0}), three = ints({1, 1, 1});
  const auto refused = [&](const char* what, const Array& x, const Array& w, const Array* b, const Ints& stride,
                           const Ints& padding, int64_t groups) {
    report.expect_refusal(what, [&] { conv2d_outputs(x, w, b, Activation::none, stride, padding, one, groups); });
  };
  refused("conv2d of the wrong channels", a, weight, nullptr, one, none, 1);
  refused("conv2d of groups that do not divide", a, weight, nullptr, one, none, 4);
  refused("conv2d of no groups", a, weight, nullptr, one, none, 0);
  refused("conv2d of two dtypes", a, wide, nullptr, one, none, 2);
  refused("conv2d of a kernel that does not fit", a, large, nullptr, one, none, 2);
  refused("conv2d of three axes", image, weight, nullptr, one, none, 2);
  refused("conv2d with a bias of the wrong length", a, weight, &bias, one, none, 2);
  refused("conv2d with a stride of 0", a, weight, nullptr, none, none, 2);
  refused("conv2d with three strides", a, weight, nullptr, three, none, 2);
  refused("conv2d with a padding below 0", a, weight, nullptr, one, ints({-1}), 2);
}

const Registered kForward{"conv2d", check_forward};
const Registered kRefusals{"conv2d", check_refusals};
const Registered kBackwardInput{"conv2d_backward_input", check_backward_input};
const Registered kBackwardWeight{"conv2d_backward_weight", check_backward_weight};

}  // namespace
}  // namespace pe::check
