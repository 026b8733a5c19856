// One step of RMSprop: one call over all parameters, in place. T.
//   t += 1;  g = grad + weight_decay·p;  s = αs + (1-α)g²;  centered: a = αa + (1-α)g
//   u = g / (√s + eps), centered g / (√(s-a²) + eps);  with momentum: b = momentum·b + u, u = b;  p -= lr·u
// `lr` and `momentum` are one-element arrays of float32 or float64; `grad_avgs` is empty where not centered, `buffers`
// where there is no momentum; all state starts as zeros. `steps`, one element each, counts the steps, which nothing
// here depends on.
#pragma once

#include "kernels/rules.h"

namespace pe {

void rmsprop_step(InOutList params, InList grads, InOutList square_avgs, InOutList grad_avgs, InOutList buffers,
                  InOutList steps, In lr, In momentum, double alpha, double eps, double weight_decay);
void rmsprop_step_check(const InOutList& params, const InList& grads, const InOutList& square_avgs,
                        const InOutList& grad_avgs, const InOutList& buffers, const InOutList& steps, In lr,
                        In momentum, double alpha, double eps, double weight_decay);

template <class Visitor>
void for_each_rmsprop_kernel(Visitor&& visit) {
  visit(Kernel<rmsprop_step, rmsprop_step_check>{"rmsprop_step",
                                                 "params, grads, square_avgs, grad_avgs, buffers, steps, lr, "
                                                 "momentum, alpha=0.99, eps=1e-08, weight_decay=0.0"});
}

}  // namespace pe
