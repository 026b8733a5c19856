#include <cmath>

#include "check/check.h"

namespace pe::check {
namespace {

const Shape kRowShapes[] = {{1}, {0, 4}, {3, 1}, {7, 10}, {2, 3, 33}, {5, 4099}, {400, 100}};

// exp(x - max) / sum of a row in double.
Values softmax_of(const Values& x, size_t columns) {
  Values y(x.size());
  for (size_t row = 0; row < x.size(); row += columns) {
    double most = -INFINITY, sum = 0;
    for (size_t j = 0; j < columns; ++j) most = std::max(most, x[row + j]);
    for (size_t j = 0; j < columns; ++j) sum += y[row + j] = std::exp(x[row + j] - most);
    for (size_t j = 0; j < columns; ++j) y[row + j] /= sum;
  }
  return y;
}

// p * (g - sum(g * p)) of a row.
Values backward_of(const Values& g, const Values& p, size_t columns) {
  Values x(g.size());
  for (size_t row = 0; row < g.size(); row += columns) {
    double dot = 0;
    for (size_t j = 0; j < columns; ++j) dot += g[row + j] * p[row + j];
    for (size_t j = 0; j < columns; ++j) x[row + j] = p[row + j] * (g[row + j] - dot);
  }
  return x;
}

void check_softmax(Report& report) {
  for (DType dtype : kFloats)
    for (Layout layout : kInputLayouts)
      for (const Shape& shape : kRowShapes) {
        if (too_many(shape, layout)) continue;
        Tensor a(dtype, shape, layout);
        a.fill(2, -20, 20);
        Tensor out(softmax_outputs(a));
        const auto want = [&] { return softmax_of(a.values(), static_cast<size_t>(shape.back())); };
        report.expect("softmax " + describe(a, layout), out, want, rounding(dtype), [&] { softmax(a, out); });
      }
}

void check_softmax_backward(Report& report) {
  for (DType dtype : kFloats)
    for (Layout layout : kInputLayouts)
      for (const Shape& shape : kRowShapes) {
        if (too_many(shape, layout)) continue;
        Tensor grad(dtype, shape, layout), y(dtype, shape);
        grad.fill(3, -5, 5);
        const double columns = static_cast<double>(shape.back());
        y.fill([&](int64_t i) { return static_cast<double>(i % 3) / (2 * columns); });
        Tensor out(softmax_backward_outputs(grad, y));
        const auto want = [&] { return backward_of(grad.values(), y.values(), static_cast<size_t>(shape.back())); };
        report.expect("softmax_backward " + describe(grad, layout), out, want, rounding(dtype),
                      [&] { softmax_backward(grad, y, out); });
      }
}

const Registered kSoftmax{"softmax", check_softmax};
const Registered kSoftmaxBackward{"softmax_backward", check_softmax_backward};

}  // namespace
}  // namespace pe::check
