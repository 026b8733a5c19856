#include "kernels/elementwise.h"

namespace pe {

Spec arithmetic_outputs(In a, In b) {
  require_number(a);
  return broadcast(a, b);
}

Spec div_outputs(In a, In b) {
  require_float(a);
  return broadcast(a, b);
}

}  // namespace pe
