#include "kernels/max_pool.h"

namespace pe {

namespace {

DType places_dtype(const Windows2d& w) {
  constexpr int64_t kMost = int64_t{1} << 31;
  const int64_t count = w.rows.kernel * w.columns.kernel;
  if (count > kMost) throw ShapeError("a window of more than 2^31 elements");
  return count <= 256 ? DType::u8 : DType::i32;
}

void require_places(In a, In places, const Windows2d& w) {
  const DType wanted = places_dtype(w);
  if (places.dtype != wanted)
    throw DTypeError(std::string("places in such windows are ") + name(wanted) + ", not " + name(places.dtype));
  if (places.ndim != 4 || places.shape[0] != a.shape[0] || places.shape[1] != a.shape[1])
    throw ShapeError("each image needs its places: " + both(a, places));
}

}  // namespace

std::array<Spec, 2> max_pool2d_outputs(In a, const Ints& kernel, const Ints& stride, const Ints& padding,
                                       const Ints& dilation, bool ceil_mode) {
  require_float(a);
  const Windows2d w = windows_of(a, kernel, stride, padding, dilation, ceil_mode);
  const Spec out = images_like(a, w.rows.out, w.columns.out);
  Spec places = out;
  places.dtype = places_dtype(w);
  return {out, places};
}

Spec max_pool2d_backward_outputs(In grad, In places, const Ints& size, const Ints& kernel, const Ints& stride,
                                 const Ints& padding, const Ints& dilation) {
  require_float(grad);
  const Windows2d w = windows_of_gradient(grad, size, kernel, stride, padding, dilation);
  require_places(grad, places, w);
  if (!same_shape(grad, places)) throw ShapeError("shapes differ: " + both(grad, places));
  return images_like(grad, w.rows.in, w.columns.in);
}

Spec max_pool2d_take_outputs(In a, In places, const Ints& kernel, const Ints& stride, const Ints& padding,
                             const Ints& dilation) {
  require_float(a);
  require_images(a);
  const Windows2d w =
      windows_of_gradient(places, Ints{2, false, {a.shape[2], a.shape[3]}}, kernel, stride, padding, dilation);
  require_places(a, places, w);
  return images_like(a, w.rows.out, w.columns.out);
}

}  // namespace pe
