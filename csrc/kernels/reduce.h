// Reductions over any set of axes, in fixed blocks and a fixed tree.
#pragma once

#include "kernels/rules.h"

namespace pe {

// T and int64
void sum(In a, const Ints& axis, bool keepdims, Out out);
void prod(In a, const Ints& axis, bool keepdims, Out out);
void amax(In a, const Ints& axis, bool keepdims, Out out);  // NaN where one is among the elements; of nothing: refused
void amin(In a, const Ints& axis, bool keepdims, Out out);

// bool
void any(In a, const Ints& axis, bool keepdims, Out out);
void all(In a, const Ints& axis, bool keepdims, Out out);

Spec sum_outputs(In a, const Ints& axis, bool keepdims);
Spec extremum_outputs(In a, const Ints& axis, bool keepdims);
Spec truth_outputs(In a, const Ints& axis, bool keepdims);

template <class Visitor>
void for_each_reduce_kernel(Visitor&& visit) {
  visit(Kernel<sum, sum_outputs>{"sum", "a, axis=None, keepdims=False"});
  visit(Kernel<prod, sum_outputs>{"prod", "a, axis=None, keepdims=False"});
  visit(Kernel<amax, extremum_outputs>{"amax", "a, axis=None, keepdims=False"});
  visit(Kernel<amin, extremum_outputs>{"amin", "a, axis=None, keepdims=False"});
  visit(Kernel<any, truth_outputs>{"any", "a, axis=None, keepdims=False"});
  visit(Kernel<all, truth_outputs>{"all", "a, axis=None, keepdims=False"});
}

}  // namespace pe
