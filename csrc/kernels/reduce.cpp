#include "kernels/reduce.h"

namespace pe {

Spec sum_outputs(In a, const Ints& axis, bool keepdims) {
  require_number(a);
  return reduced(a, axis, keepdims);
}

Spec extremum_outputs(In a, const Ints& axis, bool keepdims) {
  const Spec out = sum_outputs(a, axis, keepdims);
  int64_t results = 1;
  for (int i = 0; i < out.ndim; ++i) results *= out.shape[i];
  if (a.size() == 0 && results > 0) throw ShapeError("no element to choose from in " + describe(a));
  return out;
}

Spec truth_outputs(In a, const Ints& axis, bool keepdims) {
  if (a.dtype != DType::b8) throw DTypeError(std::string("needs bool, not ") + name(a.dtype));
  return reduced(a, axis, keepdims);
}

}  // namespace pe
