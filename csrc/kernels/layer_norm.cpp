#include "kernels/layer_norm.h"

namespace pe {

namespace {

void require_one_a_column(In a, In v) {
  require_same_dtype(a, v);
  if (v.ndim != 1 || v.shape[0] != a.shape[a.ndim - 1])
    throw ShapeError("each column needs one element: " + both(a, v));
}

}  // namespace

std::array<Spec, 2> layer_norm_outputs(In a, In weight, In bias, double) {
  require_float(a);
  const Spec rows = without_last_axis(a);
  require_one_a_column(a, weight);
  require_one_a_column(a, bias);
  return {like(a), rows};
}

std::array<Spec, 3> layer_norm_backward_outputs(In grad, In a, In weight, double) {
  const Spec da = matching(grad, a);
  without_last_axis(a);
  require_one_a_column(a, weight);
  return {da, like(weight), like(weight)};
}

}  // namespace pe
