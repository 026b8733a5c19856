#include "kernels/sort.h"

namespace pe {

std::array<Spec, 2> sort_outputs(In a, const Ints& axis, bool) {
  require_number(a);
  if (axis.none || axis.count != 1 || axis.values[0] < -a.ndim || axis.values[0] >= a.ndim)
    throw ShapeError("needs one axis of " + describe(a));
  Spec indices = like(a);
  indices.dtype = DType::i64;
  return {like(a), indices};
}

std::array<Spec, 2> topk_outputs(In a, const Ints& k, const Ints& axis, bool) {
  auto specs = sort_outputs(a, axis, false);
  const auto at = static_cast<size_t>(axis.values[0] < 0 ? axis.values[0] + a.ndim : axis.values[0]);
  if (k.none || k.count != 1 || k.values[0] < 0 || k.values[0] > a.shape[at])
    throw ShapeError("k is from 0 to the length of the axis, " + std::to_string(a.shape[at]));
  for (Spec& spec : specs) spec.shape[at] = k.values[0];
  return specs;
}

}  // namespace pe
