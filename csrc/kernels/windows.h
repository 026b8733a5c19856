// Windows that slide along an axis: what the pooling kernels and their rules share.
#pragma once

#include <algorithm>
#include <string>

#include "kernels/rules.h"

namespace pe {

// Window o covers positions start(o) + i · dilation, 0 <= i < kernel, of an axis of length `in`; those outside of the
// axis are padding.
struct Windows {
  int64_t in, out, kernel, stride, padding, dilation;

  constexpr int64_t start(int64_t o) const { return o * stride - padding; }
  constexpr int64_t extent() const { return (kernel - 1) * dilation + 1; }
  // The positions of window o that lie on the axis: from first(o), which may equal last(o), up to last(o).
  constexpr int64_t first(int64_t o) const { return start(o) >= 0 ? 0 : (-start(o) + dilation - 1) / dilation; }
  constexpr int64_t last(int64_t o) const {
    const int64_t room = in - start(o);
    return std::max(first(o), std::min(kernel, room <= 0 ? 0 : (room + dilation - 1) / dilation));
  }
};

namespace detail {

inline constexpr int64_t kLongestWindow = int64_t{1} << 30;  // so that no product of two such numbers overflows

inline int64_t one_of_pair(const char* what, const Ints& pair, int axis, int64_t least) {
  if (pair.none || pair.count != 2) throw ShapeError(std::string(what) + " is two numbers, of rows and columns");
  const int64_t value = pair.values[axis];
  if (value < least || value > kLongestWindow)
    throw ShapeError(std::string(what) + " " + std::to_string(value) + " is not from " + std::to_string(least) +
                     " to 2^30");
  return value;
}

}  // namespace detail

// out = ⌊(in + 2 · padding - extent) / stride⌋ + 1; with `ceil_mode` rounded up, unless the last window would start in
// the padding behind the axis.
inline Windows windows_along(int64_t in, const Ints& kernel, const Ints& stride, const Ints& padding,
                             const Ints& dilation, bool ceil_mode, int axis) {
  using detail::one_of_pair;
  Windows w{in,
            0,
            one_of_pair("kernel", kernel, axis, 1),
            one_of_pair("stride", stride, axis, 1),
            one_of_pair("padding", padding, axis, 0),
            one_of_pair("dilation", dilation, axis, 1)};
  if (in < 1) throw ShapeError("an axis without elements has no windows");
  if (2 * w.padding > w.kernel) throw ShapeError("padding is at most half of the kernel");
  const int64_t room = in + 2 * w.padding - w.extent();
  if (room < 0 && !(ceil_mode && room > -w.stride)) throw ShapeError("windows larger than the padded input");
  w.out = room < 0 ? 1 : (room + (ceil_mode ? w.stride - 1 : 0)) / w.stride + 1;
  if (ceil_mode && w.start(w.out - 1) >= in) --w.out;
  if (w.out < 1) throw ShapeError("windows larger than the padded input");
  return w;
}

// Of images a[n, c, rows, columns].
struct Windows2d {
  Windows rows, columns;
};

inline void require_images(In a) {
  if (a.ndim != 4) throw ShapeError("needs 4 axes, n, c, rows and columns: " + describe(a));
}

inline constexpr Ints kUndilated{2, false, {1, 1}};

inline Windows2d windows_of(In a, const Ints& kernel, const Ints& stride, const Ints& padding, const Ints& dilation,
                            bool ceil_mode) {
  require_images(a);
  return {windows_along(a.shape[2], kernel, stride, padding, dilation, ceil_mode, 0),
          windows_along(a.shape[3], kernel, stride, padding, dilation, ceil_mode, 1)};
}

// The same for a gradient, whose shape says how many windows there are.
inline Windows2d windows_of_gradient(In grad, const Ints& size, const Ints& kernel, const Ints& stride,
                                     const Ints& padding, const Ints& dilation) {
  require_images(grad);
  const auto along = [&](int axis) {
    using detail::one_of_pair;
    const Windows w{one_of_pair("size", size, axis, 1),       grad.shape[2 + axis],
                    one_of_pair("kernel", kernel, axis, 1),   one_of_pair("stride", stride, axis, 1),
                    one_of_pair("padding", padding, axis, 0), one_of_pair("dilation", dilation, axis, 1)};
    if (w.out < 1 || w.out > detail::kLongestWindow || w.start(w.out - 1) >= w.in)
      throw ShapeError("no image of that size has as many windows as " + describe(grad));
    return w;
  };
  return {along(0), along(1)};
}

// a[n, c, …], without its data, with rows and columns of `size`.
inline Array images_of(In a, const Ints& size) {
  require_images(a);
  Array images = a;
  for (int axis = 0; axis < 2; ++axis) images.shape[2 + axis] = detail::one_of_pair("size", size, axis, 1);
  return images;
}

// a[n, c, …] with rows and columns of other lengths.
inline Spec images_like(In a, int64_t rows, int64_t columns) {
  Spec spec = like(a);
  spec.shape[2] = rows;
  spec.shape[3] = columns;
  return spec;
}

}  // namespace pe
