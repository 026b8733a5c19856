// What is true of each element: comparisons, the class of a floating-point number, and logic. NumPy's broadcasting.
#pragma once

#include "kernels/rules.h"

namespace pe {

// T, int64, uint8 and bool; the result is bool. NaN equals nothing, not even itself.
void eq(In a, In b, Out out);
void ne(In a, In b, Out out);
void lt(In a, In b, Out out);
void le(In a, In b, Out out);
void gt(In a, In b, Out out);
void ge(In a, In b, Out out);

// T; the result is bool
void isnan(In a, Out out);
void isinf(In a, Out out);
void isfinite(In a, Out out);

// bool and int64, bit by bit
void bitwise_and(In a, In b, Out out);
void bitwise_or(In a, In b, Out out);
void bitwise_xor(In a, In b, Out out);
void bitwise_not(In a, Out out);

Spec compare_outputs(In a, In b);
Spec classify_outputs(In a);
Spec bitwise_outputs(In a, In b);
Spec bitwise_not_outputs(In a);

template <class Visitor>
void for_each_compare_kernel(Visitor&& visit) {
  visit(Kernel<eq, compare_outputs>{"eq", "a, b", true});
  visit(Kernel<ne, compare_outputs>{"ne", "a, b", true});
  visit(Kernel<lt, compare_outputs>{"lt", "a, b", true});
  visit(Kernel<le, compare_outputs>{"le", "a, b", true});
  visit(Kernel<gt, compare_outputs>{"gt", "a, b", true});
  visit(Kernel<ge, compare_outputs>{"ge", "a, b", true});
  visit(Kernel<isnan, classify_outputs>{"isnan", "a", true});
  visit(Kernel<isinf, classify_outputs>{"isinf", "a", true});
  visit(Kernel<isfinite, classify_outputs>{"isfinite", "a", true});
  visit(Kernel<bitwise_and, bitwise_outputs>{"bitwise_and", "a, b", true});
  visit(Kernel<bitwise_or, bitwise_outputs>{"bitwise_or", "a, b", true});
  visit(Kernel<bitwise_xor, bitwise_outputs>{"bitwise_xor", "a, b", true});
  visit(Kernel<bitwise_not, bitwise_not_outputs>{"bitwise_not", "a", true});
}

}  // namespace pe
