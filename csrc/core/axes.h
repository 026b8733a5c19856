// Which axes a reduction runs over, as bits: the one place where Python's axis argument is normalised.
#pragma once

#include <cstdint>
#include <string>

#include "core/array.h"

namespace pe {

// Bit i is set where axis i of `a` is named; no axes given (None) names all. Order does not matter and -1 is the last
// axis, as in NumPy. Throws ShapeError for an axis that `a` does not have and for one named twice.
inline uint32_t axis_mask(In a, const Ints& axes) {
  if (axes.none) return (uint32_t{1} << a.ndim) - 1;
  uint32_t mask = 0;
  for (int i = 0; i < axes.count; ++i) {
    const int64_t axis = axes.values[i];
    if (axis < -a.ndim || axis >= a.ndim) {
      throw ShapeError("axis " + std::to_string(axis) + " does not exist in an array of " + std::to_string(a.ndim) +
                       (a.ndim == 1 ? " axis" : " axes"));
    }
    const uint32_t bit = uint32_t{1} << (axis < 0 ? axis + a.ndim : axis);
    if (mask & bit) throw ShapeError("axis " + std::to_string(axis) + " is named twice");
    mask |= bit;
  }
  return mask;
}

}  // namespace pe
