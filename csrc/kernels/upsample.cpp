#include "kernels/upsample.h"

#include <cmath>

namespace pe {

Spec upsample2d_outputs(In a, const Ints& size, double row_step, double column_step, bool, bool) {
  require_float(a);
  const Array out = images_of(a, size);
  if (a.shape[2] < 1 || a.shape[3] < 1) throw ShapeError("an image without pixels has no nearest one: " + describe(a));
  for (double step : {row_step, column_step})
    if (!(step >= 0 && step <= 0x1p30)) throw ShapeError("a step is from 0 to 2^30");
  return like(out);
}

}  // namespace pe
