#include "kernels/power.h"

namespace pe {

Spec pow_outputs(In a, In b) {
  require_number(a);
  return broadcast(a, b);
}

}  // namespace pe
