// Chance for each element: word i of the Philox stream of `state` (kernels/random.h) decides on element i in row-major
// order, whatever the strides. The same state gives the same choice, so a gradient needs no mask. T.
#pragma once

#include "kernels/random.h"

namespace pe {

// a / (1 - p) where word >= p · 2^32, else 0; p in [0, 1]
void dropout(In a, In state, double p, Out out);
// 1 where word < a · 2^32, else 0: true with probability a
void bernoulli(In a, In state, Out out);

Spec dropout_outputs(In a, In state, double p);
Spec bernoulli_outputs(In a, In state);

template <class Visitor>
void for_each_dropout_kernel(Visitor&& visit) {
  visit(Kernel<dropout, dropout_outputs>{"dropout", "a, state, p", true});
  visit(Kernel<bernoulli, bernoulli_outputs>{"bernoulli", "a, state", true});
}

}  // namespace pe
