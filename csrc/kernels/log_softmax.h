// The logarithm of softmax, and of its sum, over the last axis. T.
#pragma once

#include "kernels/rules.h"

namespace pe {

void log_softmax(In a, Out out);                    // a - logsumexp(a)
void log_softmax_backward(In grad, In y, Out out);  // grad - exp(y) · sum(grad); y is log_softmax's output
void logsumexp(In a, Out out);                      // log(sum(exp(a))), without overflow; -inf for a row of nothing

Spec log_softmax_outputs(In a);
Spec log_softmax_backward_outputs(In grad, In y);
Spec logsumexp_outputs(In a);

template <class Visitor>
void for_each_log_softmax_kernel(Visitor&& visit) {
  visit(Kernel<log_softmax, log_softmax_outputs>{"log_softmax", "a"});
  visit(Kernel<log_softmax_backward, log_softmax_backward_outputs>{"log_softmax_backward", "grad, y"});
  visit(Kernel<logsumexp, logsumexp_outputs>{"logsumexp", "a"});
}

}  // namespace pe
