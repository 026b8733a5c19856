// Copying, casting and filling.
#pragma once

#include "kernels/rules.h"

namespace pe {

// out = a, cast to `dtype`; any of the dtypes to any other, float to integer truncates, to bool is `!= 0`
void copy(In a, DType dtype, Out out);
Spec copy_outputs(In a, DType dtype);

void full(const Ints& shape, double value, DType dtype, Out out);
Spec full_outputs(const Ints& shape, double value, DType dtype);

template <class Visitor>
void for_each_copy_kernel(Visitor&& visit) {
  visit(Kernel<copy, copy_outputs>{"copy", "a, dtype", true});
  visit(Kernel<full, full_outputs>{"full", "shape, value, dtype"});
}

}  // namespace pe
