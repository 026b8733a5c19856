#include "kernels/index.h"

#include <algorithm>

namespace pe {

namespace {

void require_positions(In positions) {
  if (positions.dtype != DType::i64) throw DTypeError(std::string("positions are int64, not ") + name(positions.dtype));
}

int one_axis(const Ints& axis, In a) {
  if (axis.none || axis.count != 1) throw ShapeError("axis must be one int");
  const int64_t found = axis.values[0] < 0 ? axis.values[0] + a.ndim : axis.values[0];
  if (found < 0 || found >= a.ndim)
    throw ShapeError("axis " + std::to_string(axis.values[0]) + " does not exist in " + describe(a));
  return static_cast<int>(found);
}

void require_matching_lines(In whole, In positions, int axis) {
  require_positions(positions);
  bool fits = positions.ndim == whole.ndim;
  for (int i = 0; fits && i < whole.ndim; ++i) fits = i == axis || positions.shape[i] <= whole.shape[i];
  if (!fits)
    throw ShapeError("index " + describe(positions) + " must have the axes of " + describe(whole) +
                     " and be no longer than it, but along axis " + std::to_string(axis));
}

void require_same_shape(In src, In positions) {
  if (!same_shape(src, positions)) throw ShapeError("src and index must have one shape: " + both(src, positions));
}

Array shape_only(const Spec& spec) {
  Array a;
  a.dtype = spec.dtype;
  a.ndim = spec.ndim;
  std::copy(spec.shape, spec.shape + spec.ndim, a.shape);
  return a;
}

}  // namespace

Spec broadcast_indices(const InList& indices) {
  if (indices.empty()) throw ShapeError("needs at least one array of positions");
  Spec common = like(indices[0]);
  for (const Array& positions : indices) {
    require_positions(positions);
    const Array before = shape_only(common);
    common.ndim = broadcast_axes(before, before.ndim, positions, positions.ndim, common.shape);
  }
  return common;
}

bool are_neighbours(const Ints& axes) { return axes.values[axes.count - 1] - axes.values[0] == axes.count - 1; }

Spec index_outputs(In a, const InList& indices, const Ints& axes, bool) {
  const Spec chosen = broadcast_indices(indices);
  if (axes.none || static_cast<size_t>(axes.count) != indices.size())
    throw ShapeError("needs one axis for each of " + std::to_string(indices.size()) + " arrays of positions");
  for (int i = 0; i < axes.count; ++i)
    if (axes.values[i] < (i ? axes.values[i - 1] + 1 : 0) || axes.values[i] >= a.ndim)
      throw ShapeError("axes must rise and exist in " + describe(a));
  if (a.ndim - axes.count + chosen.ndim > kMaxDims)
    throw ShapeError("the result would have " + std::to_string(a.ndim - axes.count + chosen.ndim) +
                     " axes, more than 8");
  Spec spec{a.dtype};
  const auto add = [&](int64_t length) { spec.shape[spec.ndim++] = length; };
  const int first = are_neighbours(axes) ? static_cast<int>(axes.values[0]) : 0;
  for (int axis = 0; axis < first; ++axis) add(a.shape[axis]);
  std::for_each(chosen.shape, chosen.shape + chosen.ndim, add);
  for (int axis = first; axis < a.ndim; ++axis)
    if (std::find(axes.values, axes.values + axes.count, axis) == axes.values + axes.count) add(a.shape[axis]);
  return spec;
}

Spec index_put_outputs(In a, In src, const InList& indices, const Ints& axes) {
  require_same_dtype(a, src);
  const Array part = shape_only(index_outputs(a, indices, axes, true));
  if (!same_shape(src, part)) throw ShapeError("src must have the shape of what is chosen: " + both(src, part));
  return like(a);
}

Spec index_add_outputs(In src, const InList& indices, const Ints& axes, const Ints& shape) {
  require_number(src);
  const Spec whole = shaped(shape, src.dtype);
  index_put_outputs(shape_only(whole), src, indices, axes);
  return whole;
}

Spec gather_outputs(In a, In positions, const Ints& axis) {
  require_matching_lines(a, positions, one_axis(axis, a));
  Spec spec = like(positions);
  spec.dtype = a.dtype;
  return spec;
}

Spec scatter_outputs(In a, In src, In positions, const Ints& axis) {
  require_same_dtype(a, src);
  require_matching_lines(a, positions, one_axis(axis, a));
  require_same_shape(src, positions);
  return like(a);
}

Spec scatter_add_outputs(In src, In positions, const Ints& axis, const Ints& shape) {
  require_number(src);
  const Spec whole = shaped(shape, src.dtype);
  const Array a = shape_only(whole);
  require_matching_lines(a, positions, one_axis(axis, a));
  require_same_shape(src, positions);
  return whole;
}

}  // namespace pe
