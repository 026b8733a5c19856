// Along the last axis: the greatest or least element with its place, and what their gradients need.
#pragma once

#include "kernels/rules.h"

namespace pe {

// values, indices int64: the first of the greatest (least) elements of each row; a NaN is both, as in PyTorch. T,
// int64.
void max(In a, Out values, Out indices);
void min(In a, Out values, Out indices);

// 1/c at the c elements of a row of `a` that equal y[row], else 0. T.
void extremum_shares(In a, In y, Out out);

// out[row] = a[row, index[row]], and its transpose: out[row, index[row]] = grad[row], else 0. index int64, checked
// against [0, length): throws ShapeError naming the first bad one. T, int64.
void take_last(In a, In index, Out out);
void put_last(In grad, In index, const Ints& length, Out out);

std::array<Spec, 2> max_outputs(In a);
Spec extremum_shares_outputs(In a, In y);
Spec take_last_outputs(In a, In index);
Spec put_last_outputs(In grad, In index, const Ints& length);

template <class Visitor>
void for_each_extremum_kernel(Visitor&& visit) {
  visit(Kernel<max, max_outputs>{"max", "a"});
  visit(Kernel<min, max_outputs>{"min", "a"});
  visit(Kernel<extremum_shares, extremum_shares_outputs>{"extremum_shares", "a, y"});
  visit(Kernel<take_last, take_last_outputs>{"take_last", "a, index"});
  visit(Kernel<put_last, put_last_outputs>{"put_last", "grad, index, length"});
}

}  // namespace pe
