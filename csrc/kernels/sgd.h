// One step of stochastic gradient descent: one call over all parameters, in place. T.
//   g = grad + weight_decay·p;  with momentum: b = momentum·b + g, g = b (nesterov: g + momentum·b);  p -= lr·g
// `lr` is a one-element array of float32 or float64; `buffers` is empty where momentum is 0, and starts as zeros.
#pragma once

#include "kernels/rules.h"

namespace pe {

void sgd_step(InOutList params, InList grads, InOutList buffers, In lr, double momentum, double weight_decay,
              bool nesterov);
void sgd_step_check(const InOutList& params, const InList& grads, const InOutList& buffers, In lr, double momentum,
                    double weight_decay, bool nesterov);

template <class Visitor>
void for_each_sgd_kernel(Visitor&& visit) {
  visit(Kernel<sgd_step, sgd_step_check>{"sgd_step",
                                         "params, grads, buffers, lr, momentum=0.0, weight_decay=0.0, nesterov=False"});
}

}  // namespace pe
