#include "kernels/random.h"

namespace pe {

void require_state(In state) {
  if (state.dtype != DType::i64 || state.ndim != 1 || state.shape[0] != 2)
    throw ShapeError("state is int64(2,), seed and offset, not " + describe(state));
}

Spec uniform_outputs(In state, const Ints& shape, double, double, DType dtype) {
  require_state(state);
  if (dtype != DType::f32 && dtype != DType::f64)
    throw DTypeError(std::string("makes float32 or float64, not ") + name(dtype));
  return shaped(shape, dtype);
}

Spec randint_outputs(In state, const Ints& shape, const Ints& low, const Ints& high) {
  require_state(state);
  if (low.count != 1 || high.count != 1 || low.values[0] >= high.values[0])
    throw ShapeError("low and high are one int each, low below high");
  return shaped(shape, DType::i64);
}

}  // namespace pe
