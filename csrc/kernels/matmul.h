// out[..., m, n] = act(a[..., m, k] · b[..., k, n] + bias[n]); batch axes broadcast. T. 2·m·n·k FLOP.
#pragma once

#include "kernels/rules.h"

namespace pe {

void matmul(In a, In b, OptIn bias, Activation act, Out out);
Spec matmul_outputs(In a, In b, OptIn bias, Activation act);

template <class Visitor>
void for_each_matmul_kernel(Visitor&& visit) {
  visit(Kernel<matmul, matmul_outputs>{"matmul", "a, b, bias=None, act=None"});
}

}  // namespace pe
