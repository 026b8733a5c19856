#include "kernels/choose.h"

#include <algorithm>

namespace pe {

namespace {

// The common shape of three arrays; the dtype of the last two.
Spec broadcast(In a, In b, In c) {
  const Spec pair = pe::broadcast(b, c);
  Array both_of;
  both_of.dtype = pair.dtype;
  both_of.ndim = pair.ndim;
  std::copy_n(pair.shape, pair.ndim, both_of.shape);
  Spec spec{pair.dtype};
  spec.ndim = broadcast_axes(a, a.ndim, both_of, both_of.ndim, spec.shape);
  return spec;
}

}  // namespace

Spec where_outputs(In condition, In a, In b) {
  if (condition.dtype != DType::b8)
    throw DTypeError(std::string("the condition is bool, not ") + name(condition.dtype));
  return broadcast(condition, a, b);
}

Spec ordered_outputs(In a, In b) {
  require_number(a);
  return pe::broadcast(a, b);
}

Spec clamp_outputs(In a, In low, In high) {
  require_number(a);
  require_same_dtype(a, low);
  return broadcast(a, low, high);
}

}  // namespace pe
