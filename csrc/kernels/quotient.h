// Division to a whole number, and what is left: a = b·floor_divide(a, b) + remainder(a, b). NumPy's broadcasting.
#pragma once

#include "kernels/rules.h"

namespace pe {

// T and int64. RuntimeError where an integer is divided by 0; a float then gives infinity or NaN.
void floor_divide(In a, In b, Out out);  // a / b rounded down
void remainder(In a, In b, Out out);     // of b's sign, or 0

Spec quotient_outputs(In a, In b);

template <class Visitor>
void for_each_quotient_kernel(Visitor&& visit) {
  visit(Kernel<floor_divide, quotient_outputs>{"floor_divide", "a, b", true});
  visit(Kernel<remainder, quotient_outputs>{"remainder", "a, b", true});
}

}  // namespace pe
