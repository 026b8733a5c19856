#include "kernels/matmul.h"

#include <algorithm>

namespace pe {

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

Spec addmm_outputs(In c, In a, In b) {
  const Spec spec = matmul_outputs(a, b, nullptr, Activation::none);
  require_same_dtype(c, a);
  if (c.ndim != spec.ndim || !std::equal(c.shape, c.shape + c.ndim, spec.shape))
    throw ShapeError("c " + describe(c) + " must have the shape of the product of " + both(a, b));
  return spec;
}

}  // namespace pe
