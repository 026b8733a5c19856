#include "kernels/cross_entropy_rows.h"

#include <algorithm>

namespace pe {

std::array<Spec, 2> cross_entropy_rows_outputs(In logits, In target, double, const Ints& ignore_index) {
  require_float(logits);
  const Spec rows = without_last_axis(logits);
  if (target.dtype == DType::i64) {
    if (target.ndim != rows.ndim || !std::equal(rows.shape, rows.shape + rows.ndim, target.shape))
      throw ShapeError("each row of logits needs one class number: " + both(logits, target));
  } else {
    require_same_dtype(logits, target);
    if (!same_shape(logits, target))
      throw ShapeError("logits and probabilities differ in shape: " + both(logits, target));
  }
  if (ignore_index.count > 1) throw ShapeError("ignore_index is one number");
  return {rows, rows};
}

Spec cross_entropy_rows_backward_outputs(In grad, In logits, In target, double label_smoothing,
                                         const Ints& ignore_index) {
  const auto rows = cross_entropy_rows_outputs(logits, target, label_smoothing, ignore_index);
  require_same_dtype(grad, logits);
  if (grad.ndim != rows[0].ndim || !std::equal(grad.shape, grad.shape + grad.ndim, rows[0].shape))
    throw ShapeError("each row of logits needs one gradient: " + both(logits, grad));
  return like(logits);
}

Spec label_weights_outputs(In labels, In weight, const Ints& ignore_index) {
  require_float(weight);
  if (labels.dtype != DType::i64) throw DTypeError(std::string("labels are int64, not ") + name(labels.dtype));
  if (weight.ndim != 1) throw ShapeError("each class has one weight, not " + describe(weight));
  if (ignore_index.count > 1) throw ShapeError("ignore_index is one number");
  Spec out = like(labels);
  out.dtype = weight.dtype;
  return out;
}

}  // namespace pe
