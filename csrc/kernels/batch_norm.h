// Each channel brought to mean 0 and variance 1, then scaled and shifted. T; a[n, c, …], the other arrays [c].
#pragma once

#include "kernels/rules.h"

namespace pe {

// Over the m elements of a channel: mean = Σ a / m, variance = Σ (a - mean)² / m, and
// out = (a - mean) / √(variance + eps) · weight + bias. m = 1 is refused: such an output would be the bias alone.
void batch_norm(In a, In weight, In bias, double eps, Out out, Out mean, Out variance);

// The same with a mean and a variance that are given.
void batch_norm_eval(In a, In weight, In bias, In mean, In variance, double eps, Out out);

// With r = 1 / √(variance + eps), x = (a - mean) · r and means over a channel:
// da = weight · r · (grad - mean(grad) - x · mean(grad · x)), dweight = Σ grad · x, dbias = Σ grad.
void batch_norm_backward(In grad, In a, In weight, In mean, In variance, double eps, Out da, Out dweight, Out dbias);

// running holds the running mean, the running variance and, if there is a third, the number of batches so far (int64,
// one element), all in place: running += f · (new - running), where the new variance is that of a sample,
// variance · count / (count - 1). f is `momentum` or, where that is negative, 1 / (number of batches).
void batch_norm_track(InOutList running, In mean, In variance, double count, double momentum);

std::array<Spec, 3> batch_norm_outputs(In a, In weight, In bias, double eps);
Spec batch_norm_eval_outputs(In a, In weight, In bias, In mean, In variance, double eps);
std::array<Spec, 3> batch_norm_backward_outputs(In grad, In a, In weight, In mean, In variance, double eps);
void batch_norm_track_check(const InOutList& running, In mean, In variance, double count, double momentum);

template <class Visitor>
void for_each_batch_norm_kernel(Visitor&& visit) {
  visit(Kernel<batch_norm, batch_norm_outputs>{"batch_norm", "a, weight, bias, eps=1e-05"});
  visit(Kernel<batch_norm_eval, batch_norm_eval_outputs>{"batch_norm_eval",
                                                         "a, weight, bias, mean, variance, eps=1e-05"});
  visit(Kernel<batch_norm_backward, batch_norm_backward_outputs>{"batch_norm_backward",
                                                                 "grad, a, weight, mean, variance, eps=1e-05"});
  visit(Kernel<batch_norm_track, batch_norm_track_check>{"batch_norm_track",
                                                         "running, mean, variance, count, momentum=0.1"});
}

}  // namespace pe
