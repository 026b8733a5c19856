// Whether two arrays are the very same view of the same memory.
#pragma once

#include <algorithm>

#include "core/array.h"

namespace pe {

inline bool same_view(const Array& a, const Array& b) {
  return a.data == b.data && a.dtype == b.dtype && a.ndim == b.ndim && std::equal(a.shape, a.shape + a.ndim, b.shape) &&
         std::equal(a.strides, a.strides + a.ndim, b.strides);
}

}  // namespace pe
