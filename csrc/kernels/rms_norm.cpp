#include "kernels/rms_norm.h"

#include <algorithm>

namespace pe {

namespace {

void require_one_a_column(In a, In weight) {
  require_same_dtype(a, weight);
  if (weight.ndim != 1 || weight.shape[0] != a.shape[a.ndim - 1])
    throw ShapeError("each column needs one weight: " + both(a, weight));
}

void require_one_a_row(In a, In rstd) {
  require_same_dtype(a, rstd);
  if (rstd.ndim != a.ndim - 1 || !std::equal(rstd.shape, rstd.shape + rstd.ndim, a.shape))
    throw ShapeError("each row needs one rstd: " + both(a, rstd));
}

}  // namespace

std::array<Spec, 2> rms_norm_outputs(In a, In weight, double) {
  require_float(a);
  const Spec rows = without_last_axis(a);
  require_one_a_column(a, weight);
  return {like(a), rows};
}

std::array<Spec, 2> rms_norm_backward_outputs(In grad, In a, In weight, In rstd) {
  const Spec da = matching(grad, a);
  without_last_axis(a);
  require_one_a_column(a, weight);
  require_one_a_row(a, rstd);
  return {da, like(weight)};
}

}  // namespace pe
