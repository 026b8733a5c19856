#include "kernels/activations.h"

namespace pe {

Spec like_set(In a, double) { return float_like(a); }
Spec like_set_twice(In a, double, double) { return float_like(a); }
Spec matching_set(In grad, In a, double) { return matching(grad, a); }
Spec matching_set_twice(In grad, In a, double, double) { return matching(grad, a); }

}  // namespace pe
