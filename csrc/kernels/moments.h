// Mean and variance along the last axis. T.
#pragma once

#include "kernels/rules.h"

namespace pe {

// mean = Σ a / n, out = Σ (a - mean)² / max(n - correction, 0), with `root` the square root of that.
void var(In a, double correction, bool root, Out out, Out mean);

std::array<Spec, 2> var_outputs(In a, double correction, bool root);

template <class Visitor>
void for_each_moments_kernel(Visitor&& visit) {
  visit(Kernel<var, var_outputs>{"var", "a, correction=1.0, root=False"});
}

}  // namespace pe
