// Order along one axis: the elements and where they stood. NaN counts as greater than all numbers; equal elements (0.0
// and -0.0 too) keep their order, descending as well. float32, float64, int64; positions are int64.
#pragma once

#include "kernels/rules.h"

namespace pe {

void sort(In a, const Ints& axis, bool descending, Out values, Out indices);
// The k greatest (or least), in falling (rising) order.
void topk(In a, const Ints& k, const Ints& axis, bool largest, Out values, Out indices);

std::array<Spec, 2> sort_outputs(In a, const Ints& axis, bool descending);
std::array<Spec, 2> topk_outputs(In a, const Ints& k, const Ints& axis, bool largest);

template <class Visitor>
void for_each_sort_kernel(Visitor&& visit) {
  visit(Kernel<sort, sort_outputs>{"sort", "a, axis, descending=False"});
  visit(Kernel<topk, topk_outputs>{"topk", "a, k, axis, largest=True"});
}

}  // namespace pe
