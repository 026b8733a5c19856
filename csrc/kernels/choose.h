// One of several elements: by a condition, or by which is greater. NumPy's broadcasting.
#pragma once

#include "kernels/rules.h"

namespace pe {

// condition ? a : b; condition is bool, a and b of any dtype, but the same
void where(In condition, In a, In b, Out out);

// T and int64. A NaN among the operands is the result.
void maximum(In a, In b, Out out);
void minimum(In a, In b, Out out);
void clamp(In a, In low, In high, Out out);  // minimum(maximum(a, low), high): high where low > high

Spec where_outputs(In condition, In a, In b);
Spec ordered_outputs(In a, In b);
Spec clamp_outputs(In a, In low, In high);

template <class Visitor>
void for_each_choose_kernel(Visitor&& visit) {
  visit(Kernel<where, where_outputs>{"where", "condition, a, b", true});
  visit(Kernel<maximum, ordered_outputs>{"maximum", "a, b", true});
  visit(Kernel<minimum, ordered_outputs>{"minimum", "a, b", true});
  visit(Kernel<clamp, clamp_outputs>{"clamp", "a, low, high", true});
}

}  // namespace pe
