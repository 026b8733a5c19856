#include "kernels/compare.h"

namespace pe {

namespace {

Spec as_bool(Spec spec) {
  spec.dtype = DType::b8;
  return spec;
}

void require_bits(In a) {
  if (a.dtype != DType::b8 && a.dtype != DType::i64)
    throw DTypeError(std::string("works on bool or int64, not ") + name(a.dtype));
}

}  // namespace

Spec compare_outputs(In a, In b) {
  if (a.dtype == DType::f16 || a.dtype == DType::bf16 || a.dtype == DType::i32)
    throw DTypeError(std::string("compares float32, float64, int64, uint8 or bool, not ") + name(a.dtype));
  return as_bool(broadcast(a, b));
}

Spec classify_outputs(In a) { return as_bool(float_like(a)); }

Spec bitwise_outputs(In a, In b) {
  require_bits(a);
  return broadcast(a, b);
}

Spec bitwise_not_outputs(In a) {
  require_bits(a);
  return like(a);
}

}  // namespace pe
