#include "kernels/clip.h"

#include "kernels/params.h"

namespace pe {

Spec global_norm_outputs(const InList& arrays) {
  if (arrays.empty()) throw ShapeError("needs at least one array");
  require_float(arrays[0]);
  for (const Array& a : arrays) require_same_dtype(arrays[0], a);
  return Spec{arrays[0].dtype, 0};
}

Spec clip_factor_outputs(In norm, double) {
  require_elements("norm", norm, 1);
  return like(norm);
}

void scale_all_check(const InOutList& arrays, In factor) {
  require_elements("factor", factor, 1);
  for (const Array& a : arrays) require_float(a);
}

void clamp_all_check(const InOutList& arrays, double limit) {
  if (!(limit >= 0)) throw ShapeError("limit must be at least 0, not " + std::to_string(limit));
  for (const Array& a : arrays) require_float(a);
}

}  // namespace pe
