#include <cmath>

#include "check/check.h"

namespace pe::check {
namespace {

const Shape kRowShapes[] = {{1}, {0, 4}, {3, 1}, {7, 10}, {2, 3, 33}, {5, 4099}, {400, 100}};

// exp(x - max) / sum of a row in double.
std::vector<double> softmax_of(const std::vector<double>& x, size_t columns) {
  std::vector<double> y(x.size());
  for (size_t row = 0; row < x.size(); row += columns) {
    double most = -INFINITY, sum = 0;
    for (size_t j = 0; j < columns; ++j) most = std::max(most, x[row + j]);
    for (size_t j = 0; j < columns; ++j) sum += y[row + j] = std::exp(x[row + j] - most);
    for (size_t j = 0; j < columns; ++j) y[row + j] /= sum;
  }
  return y;
}

void check_softmax(Report& report) {
  for (DType dtype : kFloats)
    for (Layout layout : kInputLayouts)
      for (const Shape& shape : kRowShapes) {
        Tensor a(dtype, shape, layout);
        a.fill(2, -20, 20);
        Tensor out(softmax_outputs(a));
        report.expect("softmax " + describe(a) + " " + check::name(layout), out,
                      softmax_of(a.values(), static_cast<size_t>(shape.back())), tolerance_of(dtype),
                      [&] { softmax(a, out); });
      }
}

void check_softmax_backward(Report& report) {
  for (DType dtype : kFloats)
    for (Layout layout : kInputLayouts)
      for (const Shape& shape : kRowShapes) {
        Tensor grad(dtype, shape, layout), y(dtype, shape);
        grad.fill(3, -5, 5);
        const double columns = static_cast<double>(shape.back());
        y.fill([&](int64_t i) { return static_cast<double>(i % 3) / (2 * columns); });
        Tensor out(softmax_backward_outputs(grad, y));
        const std::vector<double> g = grad.values(), p = y.values();
        std::vector<double> want(g.size());
        const size_t width = static_cast<size_t>(shape.back());
        for (size_t row = 0; row < g.size(); row += width) {
          double dot = 0;
          for (size_t j = 0; j < width; ++j) dot += g[row + j] * p[row + j];
          for (size_t j = 0; j < width; ++j) want[row + j] = p[row + j] * (g[row + j] - dot);
        }
        report.expect("softmax_backward " + describe(grad) + " " + check::name(layout), out, want, tolerance_of(dtype),
                      [&] { softmax_backward(grad, y, out); });
      }
}

const Registered kSoftmax{{"softmax", check_softmax}};
const Registered kSoftmaxBackward{{"softmax_backward", check_softmax_backward}};

}  // namespace
}  // namespace pe::check
