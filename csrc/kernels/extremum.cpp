#include "kernels/extremum.h"

#include <algorithm>

namespace pe {

std::array<Spec, 2> max_outputs(In a) {
  require_number(a);
  const Spec values = without_last_axis(a);
  Spec indices = values;
  indices.dtype = DType::i64;
  if (a.shape[a.ndim - 1] == 0 && a.size() == 0) {
    int64_t rows = 1;
    for (int i = 0; i < values.ndim; ++i) rows *= values.shape[i];
    if (rows > 0) throw ShapeError("no element to choose from in " + describe(a));
  }
  return {values, indices};
}

namespace {

// Each row of `a` has one element in `y`.
void require_one_a_row(In a, In y) {
  const Spec rows = without_last_axis(a);
  if (y.ndim != rows.ndim || !std::equal(y.shape, y.shape + y.ndim, rows.shape))
    throw ShapeError("each row needs one element: " + both(a, y));
}

void require_index(In index) {
  if (index.dtype != DType::i64) throw DTypeError(std::string("indices are int64, not ") + name(index.dtype));
}

}  // namespace

Spec extremum_shares_outputs(In a, In y) {
  require_same_dtype(a, y);
  require_float(a);
  require_one_a_row(a, y);
  return like(a);
}

Spec take_last_outputs(In a, In index) {
  require_number(a);
  require_index(index);
  require_one_a_row(a, index);
  return without_last_axis(a);
}

Spec put_last_outputs(In grad, In index, const Ints& length) {
  require_number(grad);
  require_index(index);
  if (!same_shape(grad, index)) throw ShapeError("shapes differ: " + both(grad, index));
  if (length.none || length.count != 1 || length.values[0] < 0) throw ShapeError("length is one number from 0 on");
  if (grad.ndim == kMaxDims) throw ShapeError("no room for another axis: " + describe(grad));
  Spec out = like(grad);
  out.shape[out.ndim++] = length.values[0];
  return out;
}

}  // namespace pe
