#include "kernels/random.h"

namespace pe {

Spec uniform_outputs(In state, const Ints& shape, double, double, DType dtype) {
  if (state.dtype != DType::i64 || state.ndim != 1 || state.shape[0] != 2)
    throw ShapeError("state is int64(2,), seed and offset, not " + describe(state));
  if (dtype != DType::f32 && dtype != DType::f64)
    throw DTypeError(std::string("makes float32 or float64, not ") + name(dtype));
  return shaped(shape, dtype);
}

}  // namespace pe
