// Philox4x32-10, counter-based. state = int64[2]: (seed, offset); element i takes word i of the stream from `offset` on
// (a float64 takes two), so the same numbers come out on every backend. The caller advances the offset.
#pragma once

#include "kernels/rules.h"

namespace pe {

void uniform(In state, const Ints& shape, double low, double high, DType dtype, Out out);
Spec uniform_outputs(In state, const Ints& shape, double low, double high, DType dtype);

template <class Visitor>
void for_each_random_kernel(Visitor&& visit) {
  visit(Kernel<uniform, uniform_outputs>{"uniform", "state, shape, low, high, dtype"});
}

}  // namespace pe
