// The same shape in one block of row-major memory: for kernels that copy an operand where it has gaps.
#pragma once

#include "core/array.h"

namespace pe {

inline Array dense_view(const Array& a, const void* data) {
  Array view = a;
  view.data = const_cast<void*>(data);
  int64_t stride = 1;
  for (int i = a.ndim - 1; i >= 0; --i) {
    view.strides[i] = stride;
    stride *= a.shape[i];
  }
  return view;
}

}  // namespace pe
