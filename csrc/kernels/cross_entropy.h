// loss = mean over rows of logsumexp(logits[n]) - logits[n, labels[n]]; logits[n, c] T, labels[n] int64 (checked
// against [0, c): throws ShapeError naming the first bad one). With with_grad also grad = (softmax(logits) -
// onehot(labels)) / n, made in the same pass while the row is in cache.
#pragma once

#include "kernels/rules.h"

namespace pe {

void cross_entropy(In logits, In labels, bool with_grad, Out loss, OptOut grad);
std::array<Spec, 2> cross_entropy_outputs(In logits, In labels, bool with_grad);

template <class Visitor>
void for_each_cross_entropy_kernel(Visitor&& visit) {
  visit(Kernel<cross_entropy, cross_entropy_outputs>{"cross_entropy", "logits, labels, with_grad=False"});
}

}  // namespace pe
