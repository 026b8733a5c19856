// Cross-entropy of every row. logits[…, c] T; target[…] int64 class numbers (checked against [0, c) unless they are
// ignore_index: throws ShapeError naming the first bad one), or target[…, c] T probabilities or any shares of the
// classes.
//
// With e = label_smoothing and target as one-hot where it is class numbers, q[j] = (1 - e) · target[j] + e / c, and 0
// in an ignored row:
//   losses = Σ q[j] · (logsumexp(logits) - logits[j])    mass = Σ q[j]
#pragma once

#include "kernels/rules.h"

namespace pe {

void cross_entropy_rows(In logits, In target, double label_smoothing, const Ints& ignore_index, Out losses, Out mass);
// grad[…] · (mass · softmax(logits) - q)
void cross_entropy_rows_backward(In grad, In logits, In target, double label_smoothing, const Ints& ignore_index,
                                 Out out);
// out[…] = weight[labels[…]], 0 where ignored; labels as above, weight[c] T
void label_weights(In labels, In weight, const Ints& ignore_index, Out out);

std::array<Spec, 2> cross_entropy_rows_outputs(In logits, In target, double label_smoothing, const Ints& ignore_index);
Spec cross_entropy_rows_backward_outputs(In grad, In logits, In target, double label_smoothing,
                                         const Ints& ignore_index);
Spec label_weights_outputs(In labels, In weight, const Ints& ignore_index);

template <class Visitor>
void for_each_cross_entropy_rows_kernel(Visitor&& visit) {
  visit(Kernel<cross_entropy_rows, cross_entropy_rows_outputs>{
      "cross_entropy_rows", "logits, target, label_smoothing=0.0, ignore_index=None"});
  visit(Kernel<cross_entropy_rows_backward, cross_entropy_rows_backward_outputs>{
      "cross_entropy_rows_backward", "grad, logits, target, label_smoothing=0.0, ignore_index=None"});
  visit(Kernel<label_weights, label_weights_outputs>{"label_weights", "labels, weight, ignore_index=None"});
}

}  // namespace pe
