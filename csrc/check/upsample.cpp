#include <algorithm>
#include <cmath>

#include "check/check.h"

namespace pe::check {
namespace {

struct Resize {
  Shape image, size;
  bool bilinear, align_corners;

  // Along columns (1) or rows (0).
  double step(size_t axis) const {
    const auto in = static_cast<double>(image[2 + axis]), out = static_cast<double>(size[axis]);
    if (align_corners) return out > 1 ? (in - 1) / (out - 1) : 0;
    return in / out;
  }
  Shape result() const { return {image[0], image[1], size[0], size[1]}; }
};

const Resize kResizes[] = {
    {{2, 3, 7, 13}, {14, 26}, false, false}, {{2, 3, 7, 13}, {14, 26}, true, false},
    {{1, 2, 9, 40}, {5, 98}, true, true},    {{1, 2, 5, 6}, {3, 17}, false, false},
    {{20, 12, 4, 4}, {8, 8}, true, false},   {{1, 1, 1, 1}, {3, 1}, true, true},
    {{0, 2, 4, 4}, {8, 8}, true, false},
};

// visit(position on the image, position on the result, how much it counts) for all that are made of each other.
template <class Visit>
void for_each_pair(const Resize& r, const Visit& visit) {
  size_t made = 0;
  for_each_index(r.result(), [&](std::span<const int64_t> at) {
    double place[2];
    for (size_t axis = 0; axis < 2; ++axis) {
      const auto o = static_cast<double>(at[2 + axis]);
      double p = r.bilinear && !r.align_corners ? std::max((o + 0.5) * r.step(axis) - 0.5, 0.0) : o * r.step(axis);
      p = std::min(p, static_cast<double>(r.image[2 + axis] - 1));
      place[axis] = r.bilinear ? p : std::floor(p + 1e-9);
    }
    for (int64_t y = 0; y < r.image[2]; ++y)
      for (int64_t x = 0; x < r.image[3]; ++x) {
        const double above = std::max(0.0, 1 - std::fabs(static_cast<double>(y) - place[0]));
        const double weight = above * std::max(0.0, 1 - std::fabs(static_cast<double>(x) - place[1]));
        const int64_t position = ((at[0] * r.image[1] + at[1]) * r.image[2] + y) * r.image[3] + x;
        if (weight > 0) visit(static_cast<size_t>(position), made, weight);
      }
    ++made;
  });
}

template <class Body>
void for_each_resize(const Body& body) {
  for (DType dtype : kFloats)
    for (Layout layout : kInputLayouts)
      for (const Resize& r : kResizes) body(dtype, layout, r);
}

void check_forward(Report& report) {
  for_each_resize([&](DType dtype, Layout layout, const Resize& r) {
    Tensor a(dtype, r.image, layout);
    a.fill(1, -9, 9);
    Tensor out(upsample2d_outputs(a, ints(r.size), r.step(0), r.step(1), r.bilinear, r.align_corners));
    const auto want = [&] {
      Values mixed(static_cast<size_t>(out.size()), 0);
      const Values x = a.values();
      for_each_pair(r, [&](size_t from, size_t to, double weight) { mixed[to] += weight * x[from]; });
      return mixed;
    };
    report.expect("upsample2d " + describe(a, layout), out, want, rounding(dtype),
                  [&] { upsample2d(a, ints(r.size), r.step(0), r.step(1), r.bilinear, r.align_corners, out); });
  });
}

void check_backward(Report& report) {
  for_each_resize([&](DType dtype, Layout layout, const Resize& r) {
    Tensor grad(dtype, r.result(), layout), da(dtype, r.image);
    grad.fill(2, -9, 9);
    const auto want = [&] {
      Values sums(static_cast<size_t>(da.size()), 0);
      const Values g = grad.values();
      for_each_pair(r, [&](size_t to, size_t from, double weight) { sums[to] += weight * g[from]; });
      return sums;
    };
    const Ints size = ints({r.image[2], r.image[3]});
    // wider than usual: sums of some ten terms that may cancel
    report.expect("upsample2d_backward " + describe(grad, layout), da, want, 4 * rounding(dtype),
                  [&] { upsample2d_backward(grad, size, r.step(0), r.step(1), r.bilinear, r.align_corners, da); });
  });
}

const Registered kUpsample{"upsample2d", check_forward};
const Registered kUpsampleBackward{"upsample2d_backward", check_backward};

}  // namespace
}  // namespace pe::check
