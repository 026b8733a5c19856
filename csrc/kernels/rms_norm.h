// Each row divided by the root of its mean square, then scaled. T; a[…, n], weight[n].
#pragma once

#include "kernels/rules.h"

namespace pe {

// With the mean square Σ a² / n of a row: rstd = 1 / √(mean square + eps), out = a · rstd · weight
void rms_norm(In a, In weight, double eps, Out out, Out rstd);

// With rstd[…] as rms_norm gave it, h = grad · weight and the mean over the row:
// da = rstd · h - a · rstd³ · mean(h · a); dweight = Σ grad · a · rstd over all rows
void rms_norm_backward(In grad, In a, In weight, In rstd, Out da, Out dweight);

std::array<Spec, 2> rms_norm_outputs(In a, In weight, double eps);
std::array<Spec, 2> rms_norm_backward_outputs(In grad, In a, In weight, In rstd);

template <class Visitor>
void for_each_rms_norm_kernel(Visitor&& visit) {
  visit(Kernel<rms_norm, rms_norm_outputs>{"rms_norm", "a, weight, eps=1e-05"});
  visit(Kernel<rms_norm_backward, rms_norm_backward_outputs>{"rms_norm_backward", "grad, a, weight, rstd"});
}

}  // namespace pe
