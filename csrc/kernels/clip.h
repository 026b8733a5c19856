// Clipping gradients. A list holds arrays of T, each of any shape; in place where nothing is returned.
#pragma once

#include "kernels/rules.h"

namespace pe {

// norm = √(Σ a²) over all elements of all arrays, at least one and of one dtype; no axes
void global_norm(InList arrays, Out out);
Spec global_norm_outputs(const InList& arrays);

// min(1, max_norm / (norm + 1e-6)) of a norm of one element; NaN where it is NaN
void clip_factor(In norm, double max_norm, Out out);
Spec clip_factor_outputs(In norm, double max_norm);

// a *= factor, of one element
void scale_all(InOutList arrays, In factor);
void scale_all_check(const InOutList& arrays, In factor);

// a = min(max(a, -limit), limit); NaN stays
void clamp_all(InOutList arrays, double limit);
void clamp_all_check(const InOutList& arrays, double limit);

template <class Visitor>
void for_each_clip_kernel(Visitor&& visit) {
  visit(Kernel<global_norm, global_norm_outputs>{"global_norm", "arrays"});
  visit(Kernel<clip_factor, clip_factor_outputs>{"clip_factor", "norm, max_norm"});
  visit(Kernel<scale_all, scale_all_check>{"scale_all", "arrays, factor"});
  visit(Kernel<clamp_all, clamp_all_check>{"clamp_all", "arrays, limit"});
}

}  // namespace pe
