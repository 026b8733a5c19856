// Reductions over any set of axes, in fixed blocks and a fixed tree.
#pragma once

#include "kernels/rules.h"

namespace pe {

// T and int64
void sum(In a, const Ints& axis, bool keepdims, Out out);
Spec sum_outputs(In a, const Ints& axis, bool keepdims);

template <class Visitor>
void for_each_reduce_kernel(Visitor&& visit) {
  visit(Kernel<sum, sum_outputs>{"sum", "a, axis=None, keepdims=False"});
}

}  // namespace pe
