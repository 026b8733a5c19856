// out[i] = a[i] to the power b[i], with NumPy's broadcasting. 2 to 100 FLOPs an element.
#pragma once

#include "kernels/rules.h"

namespace pe {

// T as C's pow has it: x^0 and 1^y are 1 even for NaN. int64 wraps around; to a negative power only 1 and -1 are not 0.
void pow(In a, In b, Out out);

Spec pow_outputs(In a, In b);

template <class Visitor>
void for_each_power_kernel(Visitor&& visit) {
  visit(Kernel<pow, pow_outputs>{"pow", "a, b", true});
}

}  // namespace pe
