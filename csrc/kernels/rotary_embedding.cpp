#include "kernels/rotary_embedding.h"

namespace pe {

Spec rotary_embedding_outputs(In a, In cos, In sin, bool, bool) {
  require_float(a);
  require_same_dtype(a, cos);
  require_same_dtype(a, sin);
  if (a.ndim == 0) throw ShapeError("needs at least one axis");
  if (!same_shape(cos, sin)) throw ShapeError("cos and sin come in pairs: " + both(cos, sin));
  if (cos.ndim == 0 || cos.ndim > a.ndim || 2 * cos.shape[cos.ndim - 1] > a.shape[a.ndim - 1])
    throw ShapeError("each angle turns two columns: " + both(a, cos));
  for (int axis = 2; axis <= cos.ndim; ++axis) {
    const int64_t length = cos.shape[cos.ndim - axis];
    if (length != 1 && length != a.shape[a.ndim - axis])
      throw ShapeError("the angles' leading axes must broadcast to the rows: " + both(a, cos));
  }
  return like(a);
}

Pairs pairs_of(const Array& a, int64_t count, bool interleaved) {
  const int last = a.ndim - 1;
  const int64_t stride = a.strides[last];
  Pairs pairs{a, interleaved ? stride : count * stride};
  pairs.first.shape[last] = count;
  if (interleaved) pairs.first.strides[last] = 2 * stride;
  return pairs;
}

Array columns_from(const Array& a, int64_t column) {
  const int last = a.ndim - 1;
  Array rest = a;
  rest.data = a.as<char>() + column * a.strides[last] * itemsize(a.dtype);
  rest.shape[last] -= column;
  return rest;
}

}  // namespace pe
