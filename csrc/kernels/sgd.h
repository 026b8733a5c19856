// One step of stochastic gradient descent: one call over all parameters, in place. T.
//   g = grad + weight_decay·p;  with buffers: b = momentum·b + g, g = b (nesterov: g + momentum·b);  p -= lr·g
// `lr` and `momentum` are one-element arrays of float32 or float64; `buffers` is empty, or starts as zeros.
#pragma once

#include "kernels/rules.h"

namespace pe {

void sgd_step(InOutList params, InList grads, InOutList buffers, In lr, In momentum, double weight_decay,
              bool nesterov);
void sgd_step_check(const InOutList& params, const InList& grads, const InOutList& buffers, In lr, In momentum,
                    double weight_decay, bool nesterov);

template <class Visitor>
void for_each_sgd_kernel(Visitor&& visit) {
  visit(Kernel<sgd_step, sgd_step_check>{"sgd_step",
                                         "params, grads, buffers, lr, momentum, weight_decay=0.0, nesterov=False"});
}

}  // namespace pe
