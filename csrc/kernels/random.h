// Philox4x32-10, counter-based. state = int64[2]: (seed, offset); element i takes word i of the stream from `offset`
// on, or words 2i and 2i + 1 (float64, int64), so the same numbers come out on every backend. The caller advances the
// offset.
#pragma once

#include "kernels/rules.h"

namespace pe {

void uniform(In state, const Ints& shape, double low, double high, DType dtype, Out out);
// mean + std · z, z normal by Box and Muller: elements 2i and 2i + 1 are made of the same two uniform numbers, so an
// odd number of elements takes the words of one more. Computed in float64; see reference/random.py for the formula.
void normal(In state, const Ints& shape, double mean, double std, DType dtype, Out out);
// whole numbers in [low, high), low + the upper 64 bits of (64 random bits · (high - low)); int64
void randint(In state, const Ints& shape, const Ints& low, const Ints& high, Out out);

Spec uniform_outputs(In state, const Ints& shape, double low, double high, DType dtype);
Spec randint_outputs(In state, const Ints& shape, const Ints& low, const Ints& high);

void require_state(In state);  // throws ShapeError

template <class Visitor>
void for_each_random_kernel(Visitor&& visit) {
  visit(Kernel<uniform, uniform_outputs>{"uniform", "state, shape, low, high, dtype"});
  visit(Kernel<normal, uniform_outputs>{"normal", "state, shape, mean, std, dtype"});
  visit(Kernel<randint, randint_outputs>{"randint", "state, shape, low, high"});
}

}  // namespace pe
