// Windows over images, for the checks of what pools: geometry, and plain loops over their elements.
#pragma once

#include "check/check.h"

namespace pe::check {

struct Geometry {
  Shape shape;
  Ints kernel, stride, padding, dilation;
  bool ceil_mode;
};

// visit(position of the window, place in it, position on the image or -1) for all places of all windows.
template <class Visit>
void for_each_place(const Geometry& g, In pooled, const Visit& visit) {
  const int64_t rows = g.shape[2], columns = g.shape[3];
  int64_t window = 0;
  for_each_index(shape_of(pooled), [&](std::span<const int64_t> at) {
    const int64_t plane = at[0] * g.shape[1] + at[1];
    for (int64_t i = 0; i < g.kernel.values[0]; ++i)
      for (int64_t j = 0; j < g.kernel.values[1]; ++j) {
        const int64_t r = at[2] * g.stride.values[0] - g.padding.values[0] + i * g.dilation.values[0];
        const int64_t c = at[3] * g.stride.values[1] - g.padding.values[1] + j * g.dilation.values[1];
        const bool inside = r >= 0 && r < rows && c >= 0 && c < columns;
        visit(static_cast<size_t>(window), i * g.kernel.values[1] + j, inside ? (plane * rows + r) * columns + c : -1);
      }
    ++window;
  });
}

// body(dtype, layout, geometry) for all of them.
template <class Body>
void for_each_pooling(std::span<const Geometry> geometries, const Body& body) {
  for (DType dtype : kFloats)
    for (Layout layout : kInputLayouts)
      for (const Geometry& g : geometries) body(dtype, layout, g);
}

}  // namespace pe::check
