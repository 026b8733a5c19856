// matmul: out[..., m, n] = act(a[..., m, k] · b[..., k, n] + bias[n]); batch axes broadcast. T. 2·m·n·k FLOP.
// addmm: out[..., m, n] = c[..., m, n] + a[..., m, k] · b[..., k, n]; out may be c: sums over parts of k, part by part.
#pragma once

#include "kernels/rules.h"

namespace pe {

void matmul(In a, In b, OptIn bias, Activation act, Out out);
void addmm(In c, In a, In b, Out out);

Spec matmul_outputs(In a, In b, OptIn bias, Activation act);
Spec addmm_outputs(In c, In a, In b);

template <class Visitor>
void for_each_matmul_kernel(Visitor&& visit) {
  visit(Kernel<matmul, matmul_outputs>{"matmul", "a, b, bias=None, act=None"});
  visit(Kernel<addmm, addmm_outputs>{"addmm", "c, a, b", true});
}

}  // namespace pe
