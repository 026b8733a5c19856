// Each row brought to mean 0 and variance 1, then scaled and shifted. T; a[…, n], weight[n], bias[n].
#pragma once

#include "kernels/rules.h"

namespace pe {

// With mean and variance Σ (a - mean)² / n of a row: rstd = 1 / √(variance + eps), out = (a - mean) · rstd · weight +
// bias
void layer_norm(In a, In weight, In bias, double eps, Out out, Out rstd);

// With x = (a - mean) · rstd, h = grad · weight and means over the row: da = rstd · (h - mean(h) - x · mean(h · x));
// dweight = Σ grad · x and dbias = Σ grad over all rows
void layer_norm_backward(In grad, In a, In weight, double eps, Out da, Out dweight, Out dbias);

std::array<Spec, 2> layer_norm_outputs(In a, In weight, In bias, double eps);
std::array<Spec, 3> layer_norm_backward_outputs(In grad, In a, In weight, double eps);

template <class Visitor>
void for_each_layer_norm_kernel(Visitor&& visit) {
  visit(Kernel<layer_norm, layer_norm_outputs>{"layer_norm", "a, weight, bias, eps=1e-05"});
  visit(Kernel<layer_norm_backward, layer_norm_backward_outputs>{"layer_norm_backward", "grad, a, weight, eps=1e-05"});
}

}  // namespace pe
