#include <cmath>
#include <limits>

#include "check/windows.h"

namespace pe::check {
namespace {

const Geometry kGeometries[] = {
    {{2, 3, 6, 10}, ints({2, 2}), ints({2, 2}), ints({0, 0}), ints({1, 1}), false},
    {{2, 2, 7, 41}, ints({2, 2}), ints({2, 2}), ints({0, 0}), ints({1, 1}), false},
    {{5, 16, 14, 14}, ints({2, 2}), ints({2, 2}), ints({0, 0}), ints({1, 1}), false},
    {{1, 2, 9, 37}, ints({3, 3}), ints({2, 2}), ints({1, 1}), ints({1, 1}), true},
    {{2, 1, 8, 9}, ints({2, 3}), ints({1, 4}), ints({1, 1}), ints({2, 3}), false},
    {{1, 2, 17, 18}, ints({17, 16}), ints({17, 16}), ints({0, 0}), ints({1, 1}), true},
    {{1, 1, 1, 1}, ints({2, 2}), ints({1, 1}), ints({1, 1}), ints({2, 2}), false},
    {{0, 2, 4, 4}, ints({2, 2}), ints({2, 2}), ints({0, 0}), ints({1, 1}), false},
};

void check_forward(Report& report) {
  for_each_pooling(kGeometries, [&](DType dtype, Layout layout, const Geometry& g) {
    Tensor a(dtype, g.shape, layout);
    a.fill(1, -9, 9);
    const auto specs = max_pool2d_outputs(a, g.kernel, g.stride, g.padding, g.dilation, g.ceil_mode);
    Tensor out(specs[0]), places(specs[1]);
    const auto want = [&](bool of_places) {
      const Values x = a.values();
      Values best(static_cast<size_t>(out.size()), -std::numeric_limits<double>::infinity()), place(best.size(), -1);
      for_each_place(g, out, [&](size_t w, int64_t at, int64_t position) {
        if (position < 0) return;
        const double value = x[static_cast<size_t>(position)];
        if (place[w] < 0 || value > best[w]) best[w] = value, place[w] = static_cast<double>(at);
      });
      if (!of_places) return best;
      const Values found = places.values();  // a window without elements may name any place
      for (size_t i = 0; i < place.size(); ++i) place[i] = place[i] < 0 ? found[i] : place[i];
      return place;
    };
    const auto call = [&] { max_pool2d(a, g.kernel, g.stride, g.padding, g.dilation, g.ceil_mode, out, places); };
    report.expect("max_pool2d " + describe(a, layout), out, [&] { return want(false); }, 0, call);
    report.expect("max_pool2d, places " + describe(a, layout), places, [&] { return want(true); }, 0, call);
  });
}

// Places drawn at will: also of what lies outside.
Tensor drawn_places(In a, const Geometry& g) {
  const auto specs = max_pool2d_outputs(a, g.kernel, g.stride, g.padding, g.dilation, g.ceil_mode);
  Tensor places(specs[1]);
  places.fill(7, 0, static_cast<int>(g.kernel.values[0] * g.kernel.values[1]) - 1);
  return places;
}

void check_backward(Report& report) {
  for_each_pooling(kGeometries, [&](DType dtype, Layout layout, const Geometry& g) {
    const Tensor a(dtype, g.shape), places = drawn_places(a, g);
    Tensor grad(dtype, Shape(places.shape, places.shape + 4), layout), da(dtype, g.shape);
    grad.fill(3, -9, 9);
    const Ints size = ints({g.shape[2], g.shape[3]});
    const auto want = [&] {
      Values sums(static_cast<size_t>(a.size()), 0);
      const Values chosen = places.values(), from = grad.values();
      for_each_place(g, places, [&](size_t w, int64_t at, int64_t position) {
        if (position >= 0 && chosen[w] == static_cast<double>(at)) sums[static_cast<size_t>(position)] += from[w];
      });
      return sums;
    };
    report.expect("max_pool2d_backward " + describe(grad, layout), da, want, 0,
                  [&] { max_pool2d_backward(grad, places, size, g.kernel, g.stride, g.padding, g.dilation, da); });
  });
}

void check_take(Report& report) {
  for_each_pooling(kGeometries, [&](DType dtype, Layout layout, const Geometry& g) {
    Tensor a(dtype, g.shape, layout);
    a.fill(4, -9, 9);
    const Tensor places = drawn_places(a, g);
    Tensor out(dtype, Shape(places.shape, places.shape + 4));
    const auto want = [&] {
      Values taken(static_cast<size_t>(out.size()), 0);
      const Values chosen = places.values(), from = a.values();
      for_each_place(g, places, [&](size_t w, int64_t at, int64_t position) {
        if (position >= 0 && chosen[w] == static_cast<double>(at)) taken[w] = from[static_cast<size_t>(position)];
      });
      return taken;
    };
    report.expect("max_pool2d_take " + describe(a, layout), out, want, 0,
                  [&] { max_pool2d_take(a, places, g.kernel, g.stride, g.padding, g.dilation, out); });
  });
}

const Registered kMaxPool{"max_pool2d", check_forward};
const Registered kMaxPoolBackward{"max_pool2d_backward", check_backward};
const Registered kMaxPoolTake{"max_pool2d_take", check_take};

}  // namespace
}  // namespace pe::check
