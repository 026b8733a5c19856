#include "check/windows.h"

namespace pe::check {
namespace {

const Ints kOne = ints({1, 1});
const Geometry kGeometries[] = {
    {{2, 3, 6, 10}, ints({2, 2}), ints({2, 2}), ints({0, 0}), kOne, false},
    {{1, 2, 9, 70}, ints({3, 3}), ints({2, 2}), ints({1, 1}), kOne, true},
    {{2, 2, 8, 39}, ints({2, 3}), ints({1, 1}), ints({1, 0}), kOne, false},
    {{2, 5, 8, 8}, ints({8, 8}), ints({8, 8}), ints({0, 0}), kOne, false},
    {{0, 2, 4, 4}, ints({2, 2}), ints({2, 2}), ints({0, 0}), kOne, false},
};

// By how much each window is divided: the elements on the image or, where it is padded, also those around it.
Values divisors(const Geometry& g, In pooled, bool padded) {
  Values counts;
  for_each_index(shape_of(pooled), [&](std::span<const int64_t> at) {
    int64_t count = 1;
    for (size_t axis = 0; axis < 2; ++axis) {
      const int64_t padding = g.padding.values[axis], length = g.shape[2 + axis];
      const int64_t start = at[2 + axis] * g.stride.values[axis] - padding, end = start + g.kernel.values[axis];
      count *= std::min(end, length + (padded ? padding : 0)) - std::max(start, padded ? -padding : 0);
    }
    counts.push_back(static_cast<double>(count));
  });
  return counts;
}

void check_forward(Report& report) {
  for_each_pooling(kGeometries, [&](DType dtype, Layout layout, const Geometry& g) {
    for (bool padded : {true, false}) {
      Tensor a(dtype, g.shape, layout);
      a.fill(1, -9, 9);
      Tensor out(avg_pool2d_outputs(a, g.kernel, g.stride, g.padding, g.ceil_mode, padded, 0));
      const auto want = [&] {
        Values sums(static_cast<size_t>(out.size()), 0);
        const Values x = a.values(), counts = divisors(g, out, padded);
        for_each_place(g, out, [&](size_t w, int64_t, int64_t position) {
          if (position >= 0) sums[w] += x[static_cast<size_t>(position)];
        });
        for (size_t i = 0; i < sums.size(); ++i) sums[i] /= counts[i];
        return sums;
      };
      report.expect("avg_pool2d " + describe(a, layout), out, want, rounding(dtype),
                    [&] { avg_pool2d(a, g.kernel, g.stride, g.padding, g.ceil_mode, padded, 0, out); });
    }
  });
}

void check_backward(Report& report) {
  for_each_pooling(kGeometries, [&](DType dtype, Layout layout, const Geometry& g) {
    const Tensor a(dtype, g.shape);
    const Spec pooled = avg_pool2d_outputs(a, g.kernel, g.stride, g.padding, g.ceil_mode, true, 0);
    Tensor grad(dtype, Shape(pooled.shape, pooled.shape + 4), layout), da(dtype, g.shape);
    grad.fill(2, -9, 9);
    const auto want = [&] {
      Values sums(static_cast<size_t>(a.size()), 0);
      const Values from = grad.values(), counts = divisors(g, grad, true);
      for_each_place(g, grad, [&](size_t w, int64_t, int64_t position) {
        if (position >= 0) sums[static_cast<size_t>(position)] += from[w] / counts[w];
      });
      return sums;
    };
    report.expect("avg_pool2d_backward " + describe(grad, layout), da, want, rounding(dtype), [&] {
      avg_pool2d_backward(grad, ints({g.shape[2], g.shape[3]}), g.kernel, g.stride, g.padding, g.ceil_mode, true, 0,
                          da);
    });
  });
}

// visit(position in the parts, position on the image, elements of the part) for all elements of all parts.
template <class Visit>
void for_each_part(In image, In parts, const Visit& visit) {
  size_t part = 0;
  for_each_index(shape_of(parts), [&](std::span<const int64_t> at) {
    int64_t begin[2], end[2];
    for (size_t axis = 0; axis < 2; ++axis) {
      const int64_t n = image.shape[2 + axis], count = parts.shape[2 + axis];
      begin[axis] = at[2 + axis] * n / count;
      end[axis] = ((at[2 + axis] + 1) * n + count - 1) / count;
    }
    const int64_t size = (end[0] - begin[0]) * (end[1] - begin[1]);
    for (int64_t r = begin[0]; r < end[0]; ++r)
      for (int64_t c = begin[1]; c < end[1]; ++c) {
        const int64_t plane = at[0] * image.shape[1] + at[1];
        visit(part, static_cast<size_t>((plane * image.shape[2] + r) * image.shape[3] + c), static_cast<double>(size));
      }
    ++part;
  });
}

const std::pair<Shape, Shape> kParts[] = {{{2, 3, 7, 13}, {3, 5}}, {{1, 2, 3, 4}, {5, 4}}, {{4, 5, 6, 6}, {1, 1}}};

void check_adaptive(Report& report) {
  for (DType dtype : kFloats)
    for (Layout layout : kInputLayouts)
      for (const auto& [shape, parts] : kParts) {
        Tensor a(dtype, shape, layout);
        a.fill(3, -9, 9);
        Tensor out(adaptive_avg_pool2d_outputs(a, ints(parts)));
        const auto want = [&] {
          Values means(static_cast<size_t>(out.size()), 0);
          const Values x = a.values();
          for_each_part(a, out, [&](size_t part, size_t position, double n) { means[part] += x[position] / n; });
          return means;
        };
        report.expect("adaptive_avg_pool2d " + describe(a, layout), out, want, rounding(dtype),
                      [&] { adaptive_avg_pool2d(a, ints(parts), out); });
      }
}

void check_adaptive_backward(Report& report) {
  for (DType dtype : kFloats)
    for (Layout layout : kInputLayouts)
      for (const auto& [shape, parts] : kParts) {
        Tensor grad(dtype, {shape[0], shape[1], parts[0], parts[1]}, layout), da(dtype, shape);
        grad.fill(4, -9, 9);
        const auto want = [&] {
          Values sums(static_cast<size_t>(da.size()), 0);
          const Values from = grad.values();
          for_each_part(da, grad, [&](size_t part, size_t position, double n) { sums[position] += from[part] / n; });
          return sums;
        };
        report.expect("adaptive_avg_pool2d_backward " + describe(grad, layout), da, want, rounding(dtype),
                      [&] { adaptive_avg_pool2d_backward(grad, ints({da.shape[2], da.shape[3]}), da); });
      }
}

const Registered kAvgPool{"avg_pool2d", check_forward};
const Registered kAvgPoolBackward{"avg_pool2d_backward", check_backward};
const Registered kAdaptive{"adaptive_avg_pool2d", check_adaptive};
const Registered kAdaptiveBackward{"adaptive_avg_pool2d_backward", check_adaptive_backward};

}  // namespace
}  // namespace pe::check
