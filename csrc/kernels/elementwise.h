// out[i] = f(a[i], b[i], …) with broadcasting. 1 FLOP an element against 2 or 3 elements moved.
#pragma once

#include "kernels/rules.h"

namespace pe {

// T and int64
void add(In a, In b, Out out);
void sub(In a, In b, Out out);
void mul(In a, In b, Out out);
void neg(In a, Out out);

// T
void div(In a, In b, Out out);
void relu(In a, Out out);                    // a > 0 ? a : 0, a NaN stays
void relu_backward(In grad, In y, Out out);  // y > 0 ? grad : 0; y is relu's output, same shape as grad
void exp(In a, Out out);
void square(In a, Out out);

Spec arithmetic_outputs(In a, In b);
Spec div_outputs(In a, In b);

template <class Visitor>
void for_each_elementwise_kernel(Visitor&& visit) {
  visit(Kernel<add, arithmetic_outputs>{"add", "a, b", true});
  visit(Kernel<sub, arithmetic_outputs>{"sub", "a, b", true});
  visit(Kernel<mul, arithmetic_outputs>{"mul", "a, b", true});
  visit(Kernel<div, div_outputs>{"div", "a, b", true});
  visit(Kernel<neg, number_like>{"neg", "a", true});
  visit(Kernel<relu, float_like>{"relu", "a", true});
  visit(Kernel<relu_backward, matching>{"relu_backward", "grad, y", true});
  visit(Kernel<exp, float_like>{"exp", "a", true});
  visit(Kernel<square, float_like>{"square", "a", true});
}

}  // namespace pe
