#include "kernels/avg_pool.h"

namespace pe {

Spec avg_pool2d_outputs(In a, const Ints& kernel, const Ints& stride, const Ints& padding, bool ceil_mode, bool,
                        double) {
  require_float(a);
  const Windows2d w = windows_of(a, kernel, stride, padding, kUndilated, ceil_mode);
  return images_like(a, w.rows.out, w.columns.out);
}

Spec avg_pool2d_backward_outputs(In grad, const Ints& size, const Ints& kernel, const Ints& stride, const Ints& padding,
                                 bool ceil_mode, bool, double) {
  require_float(grad);
  const Windows2d w = windows_of(images_of(grad, size), kernel, stride, padding, kUndilated, ceil_mode);
  if (w.rows.out != grad.shape[2] || w.columns.out != grad.shape[3])
    throw ShapeError("images of that size have other windows than " + describe(grad));
  return images_like(grad, w.rows.in, w.columns.in);
}

Spec adaptive_avg_pool2d_outputs(In a, const Ints& size) {
  require_float(a);
  require_images(a);
  if (a.shape[2] < 1 || a.shape[3] < 1) throw ShapeError("an image without elements has no mean: " + describe(a));
  return images_like(a, detail::one_of_pair("size", size, 0, 1), detail::one_of_pair("size", size, 1, 1));
}

}  // namespace pe
