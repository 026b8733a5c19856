#include "kernels/rules.h"

#include <algorithm>

#include "core/axes.h"

namespace pe {

std::string both(In a, In b) { return describe(a) + " and " + describe(b); }

bool same_shape(In a, In b) { return a.ndim == b.ndim && std::equal(a.shape, a.shape + a.ndim, b.shape); }

void require_float(In a) {
  if (a.dtype != DType::f32 && a.dtype != DType::f64)
    throw DTypeError(std::string("computes in float32 or float64, not ") + name(a.dtype));
}

void require_number(In a) {
  if (a.dtype != DType::f32 && a.dtype != DType::f64 && a.dtype != DType::i64)
    throw DTypeError(std::string("computes in float32, float64 or int64, not ") + name(a.dtype));
}

void require_same_dtype(In a, In b) {
  if (a.dtype != b.dtype) throw DTypeError(std::string("dtypes differ: ") + name(a.dtype) + " and " + name(b.dtype));
}

Spec float_like(In a) {
  require_float(a);
  return like(a);
}

Spec number_like(In a) {
  require_number(a);
  return like(a);
}

Spec matching(In grad, In y) {
  require_same_dtype(grad, y);
  require_float(grad);
  if (!same_shape(grad, y)) throw ShapeError("shapes differ: " + both(grad, y));
  return like(grad);
}

int broadcast_axes(In a, int a_axes, In b, int b_axes, int64_t* shape) {
  const int ndim = std::max(a_axes, b_axes);
  for (int i = 1; i <= ndim; ++i) {
    const int64_t m = i <= a_axes ? a.shape[a_axes - i] : 1;
    const int64_t n = i <= b_axes ? b.shape[b_axes - i] : 1;
    if (m != n && m != 1 && n != 1) throw ShapeError("shapes do not broadcast: " + both(a, b));
    shape[ndim - i] = m == 1 ? n : m;
  }
  return ndim;
}

Spec broadcast(In a, In b) {
  require_same_dtype(a, b);
  Spec spec{a.dtype};
  spec.ndim = broadcast_axes(a, a.ndim, b, b.ndim, spec.shape);
  return spec;
}

Spec reduced(In a, const Ints& axes, bool keepdims) {
  const uint32_t mask = axis_mask(a, axes);
  Spec spec{a.dtype};
  for (int i = 0; i < a.ndim; ++i) {
    const bool gone = mask >> i & 1;
    if (!gone || keepdims) spec.shape[spec.ndim++] = gone ? 1 : a.shape[i];
  }
  return spec;
}

Spec without_last_axis(In a) {
  if (a.ndim == 0) throw ShapeError("needs at least one axis");
  Spec spec = like(a);
  spec.shape[--spec.ndim] = 0;
  return spec;
}

Spec shaped(const Ints& shape, DType dtype) {
  if (shape.none) throw ShapeError("shape is missing");
  Spec spec{dtype, shape.count};
  for (int i = 0; i < shape.count; ++i) {
    if (shape.values[i] < 0) throw ShapeError("negative length in shape " + describe_shape(shape.values, shape.count));
    spec.shape[i] = shape.values[i];
  }
  return spec;
}

}  // namespace pe
