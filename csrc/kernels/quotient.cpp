#include "kernels/quotient.h"

namespace pe {

Spec quotient_outputs(In a, In b) {
  require_number(a);
  return broadcast(a, b);
}

}  // namespace pe
