#include "kernels/cross_entropy.h"

namespace pe {

std::array<Spec, 2> cross_entropy_outputs(In logits, In labels, bool with_grad) {
  require_float(logits);
  if (labels.dtype != DType::i64) throw DTypeError(std::string("labels are int64, not ") + name(labels.dtype));
  if (logits.ndim != 2 || labels.ndim != 1 || labels.shape[0] != logits.shape[0])
    throw ShapeError("logits (rows, classes) need one label a row: " + both(logits, labels));
  Spec grad = like(logits);
  grad.absent = !with_grad;
  return {Spec{logits.dtype}, grad};
}

}  // namespace pe
