#include "kernels/dropout.h"

namespace pe {

Spec dropout_outputs(In a, In state, double p) {
  if (!(p >= 0 && p <= 1)) throw ShapeError("p is a probability, from 0 to 1, not " + std::to_string(p));
  return bernoulli_outputs(a, state);
}

Spec bernoulli_outputs(In a, In state) {
  require_state(state);
  return float_like(a);
}

}  // namespace pe
