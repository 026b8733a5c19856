// The output rules of kernels.h: shapes and dtypes out of the inputs, and every check that a kernel relies on.
#include <algorithm>

#include "core/axes.h"
#include "kernels.h"

namespace pe {

namespace {

std::string both(In a, In b) { return describe(a) + " and " + describe(b); }

bool same_shape(In a, In b) { return a.ndim == b.ndim && std::equal(a.shape, a.shape + a.ndim, b.shape); }

// The common shape of the first `a_axes` and `b_axes` axes, by NumPy's rule, into `shape`; returns its length.
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

Spec matching(In grad, In y) {
  require_same_dtype(grad, y);
  require_float(grad);
  if (!same_shape(grad, y)) throw ShapeError("shapes differ: " + both(grad, y));
  return like(grad);
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

}  // namespace

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

Spec broadcast(In a, In b) {
  require_same_dtype(a, b);
  Spec spec{a.dtype};
  spec.ndim = broadcast_axes(a, a.ndim, b, b.ndim, spec.shape);
  return spec;
}

Spec arithmetic_outputs(In a, In b) {
  require_number(a);
  return broadcast(a, b);
}

Spec div_outputs(In a, In b) {
  require_float(a);
  return broadcast(a, b);
}

Spec relu_backward_outputs(In grad, In y) { return matching(grad, y); }

Spec full_outputs(const Ints& shape, double, DType dtype) { return shaped(shape, dtype); }

Spec reduced(In a, const Ints& axes, bool keepdims) {
  const uint32_t mask = axis_mask(a, axes);
  Spec spec{a.dtype};
  for (int i = 0; i < a.ndim; ++i) {
    const bool gone = mask >> i & 1;
    if (!gone || keepdims) spec.shape[spec.ndim++] = gone ? 1 : a.shape[i];
  }
  return spec;
}

Spec sum_outputs(In a, const Ints& axis, bool keepdims) {
  require_number(a);
  return reduced(a, axis, keepdims);
}

Spec matmul_outputs(In a, In b, OptIn bias, Activation) {
  require_same_dtype(a, b);
  require_float(a);
  if (a.ndim < 2 || b.ndim < 2) throw ShapeError("both operands need at least two axes: " + both(a, b));
  const int64_t m = a.shape[a.ndim - 2], k = a.shape[a.ndim - 1], n = b.shape[b.ndim - 1];
  if (b.shape[b.ndim - 2] != k) throw ShapeError("inner lengths differ: " + both(a, b));
  if (bias) {
    require_same_dtype(a, *bias);
    if (bias->ndim != 1 || bias->shape[0] != n)
      throw ShapeError("bias " + describe(*bias) + " must have one element for each of " + std::to_string(n) +
                       " columns");
  }
  Spec spec{a.dtype};
  spec.ndim = broadcast_axes(a, a.ndim - 2, b, b.ndim - 2, spec.shape);
  spec.shape[spec.ndim++] = m;
  spec.shape[spec.ndim++] = n;
  return spec;
}

Spec softmax_outputs(In a) {
  if (a.ndim == 0) throw ShapeError("needs at least one axis");
  return float_like(a);
}

Spec softmax_backward_outputs(In grad, In y) {
  if (grad.ndim == 0) throw ShapeError("needs at least one axis");
  return matching(grad, y);
}

std::array<Spec, 2> cross_entropy_outputs(In logits, In labels, bool with_grad) {
  require_float(logits);
  if (labels.dtype != DType::i64) throw DTypeError(std::string("labels are int64, not ") + name(labels.dtype));
  if (logits.ndim != 2 || labels.ndim != 1 || labels.shape[0] != logits.shape[0])
    throw ShapeError("logits (rows, classes) need one label a row: " + both(logits, labels));
  Spec grad = like(logits);
  grad.absent = !with_grad;
  return {Spec{logits.dtype}, grad};
}

Spec uniform_outputs(In state, const Ints& shape, double, double, DType dtype) {
  if (state.dtype != DType::i64 || state.ndim != 1 || state.shape[0] != 2)
    throw ShapeError("state is int64(2,), seed and offset, not " + describe(state));
  if (dtype != DType::f32 && dtype != DType::f64)
    throw DTypeError(std::string("makes float32 or float64, not ") + name(dtype));
  return shaped(shape, dtype);
}

void sgd_step_check(const InOutList& params, const InList& grads, const InOutList& buffers, In lr, double momentum,
                    double, bool) {
  require_float(lr);
  if (lr.size() != 1) throw ShapeError("lr has one element, not " + describe(lr));
  if (grads.size() != params.size())
    throw ShapeError(std::to_string(params.size()) + " params but " + std::to_string(grads.size()) + " grads");
  if (buffers.size() != (momentum == 0 ? 0 : params.size()) && buffers.size() != params.size())
    throw ShapeError(std::to_string(params.size()) + " params but " + std::to_string(buffers.size()) + " buffers");
  for (size_t i = 0; i < params.size(); ++i) {
    require_float(params[i]);
    for (const Array* other : {&grads[i], buffers.empty() ? &grads[i] : &buffers[i]}) {
      require_same_dtype(params[i], *other);
      if (!same_shape(params[i], *other))
        throw ShapeError("parameter " + std::to_string(i) + ": shapes differ: " + both(params[i], *other));
    }
  }
}

}  // namespace pe
