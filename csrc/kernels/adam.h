// One step of Adam or AdamW: one call over all parameters, in place. T.
//   t += 1;  g = grad + weight_decay·p  (decoupled: p -= lr·weight_decay·p instead);  m = β₁m + (1-β₁)g
//   v = β₂v + (1-β₂)g²;  s = v, or with amsgrad the largest v so far;  p -= lr/(1-β₁ᵗ) · m / (√(s/(1-β₂ᵗ)) + eps)
// `steps` holds t of each parameter, one element each; `lr` has one element, `betas` two; float32 or float64.
// `max_exp_avg_sqs` is empty without amsgrad. All state starts as zeros.
#pragma once

#include "kernels/rules.h"

namespace pe {

void adam_step(InOutList params, InList grads, InOutList exp_avgs, InOutList exp_avg_sqs, InOutList max_exp_avg_sqs,
               InOutList steps, In lr, In betas, double eps, double weight_decay, bool decoupled);
void adam_step_check(const InOutList& params, const InList& grads, const InOutList& exp_avgs,
                     const InOutList& exp_avg_sqs, const InOutList& max_exp_avg_sqs, const InOutList& steps, In lr,
                     In betas, double eps, double weight_decay, bool decoupled);

template <class Visitor>
void for_each_adam_kernel(Visitor&& visit) {
  visit(Kernel<adam_step, adam_step_check>{"adam_step",
                                           "params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, steps, lr, betas, "
                                           "eps=1e-08, weight_decay=0.0, decoupled=False"});
}

}  // namespace pe
