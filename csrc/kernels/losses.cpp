#include "kernels/losses.h"

namespace pe {

Spec size_outputs(In a, double) { return float_like(a); }

Spec bce_outputs(In a, In target, In pos_weight) {
  require_float(a);
  Array pair = a;  // the common shape of the first two
  const Spec spec = broadcast(a, target);
  pair.ndim = spec.ndim;
  for (int i = 0; i < spec.ndim; ++i) pair.shape[i] = spec.shape[i];
  return broadcast(pair, pos_weight);
}

}  // namespace pe
