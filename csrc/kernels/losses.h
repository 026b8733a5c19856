// Losses element by element, and their slopes. T.
#pragma once

#include "kernels/rules.h"

namespace pe {

void huber(In a, double delta, Out out);      // a²/2 where |a| <= delta, else delta · (|a| - delta/2)
void clip_size(In a, double most, Out out);   // a where |a| <= most, else most with a's sign: huber's slope
void small_size(In a, double most, Out out);  // 1 where |a| < most, else 0: clip_size's slope

// With s(a) = log(1 + exp(-a)): (1 - target) · a + (1 + (pos_weight - 1) · target) · s(a), and its derivative in a.
void bce_with_logits(In a, In target, In pos_weight, Out out);
void bce_with_logits_slope(In a, In target, In pos_weight, Out out);

Spec size_outputs(In a, double limit);
Spec bce_outputs(In a, In target, In pos_weight);

template <class Visitor>
void for_each_losses_kernel(Visitor&& visit) {
  visit(Kernel<huber, size_outputs>{"huber", "a, delta=1.0", true});
  visit(Kernel<clip_size, size_outputs>{"clip_size", "a, most", true});
  visit(Kernel<small_size, size_outputs>{"small_size", "a, most", true});
  visit(Kernel<bce_with_logits, bce_outputs>{"bce_with_logits", "a, target, pos_weight", true});
  visit(Kernel<bce_with_logits_slope, bce_outputs>{"bce_with_logits_slope", "a, target, pos_weight", true});
}

}  // namespace pe
