// out = exp(a - max) / sum(exp(a - max)) over the last axis. T.
#pragma once

#include "kernels/rules.h"

namespace pe {

void softmax(In a, Out out);
void softmax_backward(In grad, In y, Out out);  // y * (grad - sum(grad * y)); y is softmax's output

Spec softmax_outputs(In a);
Spec softmax_backward_outputs(In grad, In y);

template <class Visitor>
void for_each_softmax_kernel(Visitor&& visit) {
  visit(Kernel<softmax, softmax_outputs>{"softmax", "a"});
  visit(Kernel<softmax_backward, softmax_backward_outputs>{"softmax_backward", "grad, y"});
}

}  // namespace pe
