#include "kernels/log_softmax.h"

namespace pe {

Spec log_softmax_outputs(In a) {
  if (a.ndim == 0) throw ShapeError("needs at least one axis");
  return float_like(a);
}

Spec log_softmax_backward_outputs(In grad, In y) {
  if (grad.ndim == 0) throw ShapeError("needs at least one axis");
  return matching(grad, y);
}

Spec logsumexp_outputs(In a) {
  require_float(a);
  return without_last_axis(a);
}

}  // namespace pe
