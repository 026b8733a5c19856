#include "kernels/join.h"

namespace pe {

Spec concat_outputs(const InList& arrays, const Ints& axis) {
  if (arrays.empty()) throw ShapeError("needs at least one array");
  const Array& first = arrays[0];
  if (axis.none || axis.count != 1 || axis.values[0] < -first.ndim || axis.values[0] >= first.ndim)
    throw ShapeError("needs one axis of " + describe(first));
  const auto along = static_cast<int>(axis.values[0] < 0 ? axis.values[0] + first.ndim : axis.values[0]);
  Spec spec = like(first);
  spec.shape[along] = 0;
  for (const Array& a : arrays) {
    require_same_dtype(first, a);
    bool fits = a.ndim == first.ndim;
    for (int i = 0; fits && i < a.ndim; ++i) fits = i == along || a.shape[i] == first.shape[i];
    if (!fits) throw ShapeError("shapes differ off axis " + std::to_string(along) + ": " + both(first, a));
    spec.shape[along] += a.shape[along];
  }
  return spec;
}

Spec triangle_outputs(In a, const Ints& diagonal) {
  if (diagonal.none || diagonal.count != 1) throw ShapeError("diagonal is one int");
  if (a.ndim < 2) throw ShapeError("needs at least two axes, not " + describe(a));
  return like(a);
}

}  // namespace pe
