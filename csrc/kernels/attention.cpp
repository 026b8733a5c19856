#include "kernels/attention.h"

#include <algorithm>

namespace pe {

namespace {

void require_operands(In query, In key, In value, In state, double p) {
  require_float(query);
  require_same_dtype(query, key);
  require_same_dtype(query, value);
  require_state(state);
  if (query.ndim != 4 || key.ndim != 4 || value.ndim != 4)
    throw ShapeError("query, key and value have four axes: " + both(query, key) + " and " + describe(value));
  const int64_t heads = query.shape[1], groups = key.shape[1];
  if (key.shape[0] != query.shape[0] || key.shape[3] != query.shape[3] ||
      (groups == 0 ? heads != 0 : heads % groups != 0))
    throw ShapeError("query and key do not go together: " + both(query, key));
  if (value.shape[0] != key.shape[0] || value.shape[1] != groups || value.shape[2] != key.shape[2])
    throw ShapeError("each key needs one value: " + both(key, value));
  if (!(p >= 0 && p <= 1)) throw ShapeError("p is a probability, from 0 to 1, not " + std::to_string(p));
}

void require_mask(In query, In key, OptIn mask) {
  if (!mask) return;
  if (mask->dtype != DType::b8) require_same_dtype(query, *mask);
  const int64_t scores[] = {query.shape[0], query.shape[1], query.shape[2], key.shape[2]};
  for (int i = 1; i <= mask->ndim; ++i) {
    const int64_t length = mask->shape[mask->ndim - i];
    if (i > 4 || (length != 1 && length != scores[4 - i]))
      throw ShapeError("mask " + describe(*mask) + " does not broadcast to " + describe_shape(scores, 4));
  }
}

Spec four(In like, int64_t a, int64_t b, int64_t c, int64_t d) { return {like.dtype, 4, {a, b, c, d}}; }

}  // namespace

std::array<Spec, 2> attention_outputs(In query, In key, In value, In state, OptIn mask, double, bool, double p) {
  require_operands(query, key, value, state, p);
  require_mask(query, key, mask);
  const int64_t* q = query.shape;
  return {four(query, q[0], q[1], q[2], value.shape[3]), Spec{query.dtype, 3, {q[0], q[1], q[2]}}};
}

std::array<Spec, 4> attention_backward_outputs(In grad, In query, In key, In value, In result, In lse, In state,
                                               OptIn mask, double, bool, double p, bool mask_grad) {
  const auto specs = attention_outputs(query, key, value, state, mask, 1, false, p);
  matching(grad, result);
  require_same_dtype(query, grad);
  require_same_dtype(query, lse);
  if (grad.ndim != 4 || !std::equal(grad.shape, grad.shape + 4, specs[0].shape))
    throw ShapeError("the gradient is " + describe(grad) + ", the result " + describe_shape(specs[0].shape, 4));
  if (lse.ndim != 3 || !std::equal(lse.shape, lse.shape + 3, specs[1].shape))
    throw ShapeError("lse is " + describe(lse) + ", not " + describe_shape(specs[1].shape, 3));
  if (mask_grad && (!mask || mask->dtype == DType::b8)) throw ShapeError("only a mask of numbers has a gradient");
  Spec dmask = four(query, query.shape[0], query.shape[1], query.shape[2], key.shape[2]);
  dmask.absent = !mask_grad;
  return {like(query), like(key), like(value), dmask};
}

}  // namespace pe
