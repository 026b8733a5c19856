#include "kernels/conv2d.h"

namespace pe {

namespace {

constexpr int64_t kMost = int64_t{1} << 31;  // of any attribute, so that their products stay far from overflow

// The entry of an attribute for the height (0) or the width (1).
int64_t along(const Ints& ints, int axis) { return ints.values[ints.count == 1 ? 0 : axis]; }

void require_pair(const char* what, const Ints& ints, int64_t least) {
  if (ints.none || ints.count < 1 || ints.count > 2)
    throw ShapeError(std::string(what) + " must be one int or two, for height and width");
  for (int i = 0; i < ints.count; ++i)
    if (ints.values[i] < least || ints.values[i] >= kMost)
      throw ShapeError(std::string(what) + " " + std::to_string(ints.values[i]) + " must be at least " +
                       std::to_string(least) + " and below 2^31");
}

void require_attributes(In a, In weight, const Ints& stride, const Ints& padding, const Ints& dilation,
                        int64_t groups) {
  require_float(a);
  require_same_dtype(a, weight);
  if (a.ndim != 4 || weight.ndim != 4) throw ShapeError("images and weights have four axes: " + both(a, weight));
  require_pair("stride", stride, 1);
  require_pair("padding", padding, 0);
  require_pair("dilation", dilation, 1);
  if (groups < 1) throw ShapeError("groups " + std::to_string(groups) + " must be at least 1");
}

void require_groups(const char* what, int64_t channels, int64_t groups) {
  if (channels % groups != 0)
    throw ShapeError(std::to_string(channels) + " " + what + " do not divide into " + std::to_string(groups) +
                     " groups");
}

void require_bias(In a, OptIn bias, int64_t channels) {
  if (!bias) return;
  require_same_dtype(a, *bias);
  if (bias->ndim != 1 || bias->shape[0] != channels)
    throw ShapeError("bias " + describe(*bias) + " must have one element for each of " + std::to_string(channels) +
                     " channels");
}

// The length of an axis of the result, and what is wrong where there is none.
int64_t windows(int axis, int64_t length, int64_t kernel, const Ints& stride, const Ints& padding,
                const Ints& dilation) {
  const int64_t s = along(stride, axis), p = along(padding, axis), d = along(dilation, axis);
  if (kernel < 1 || kernel >= kMost) throw ShapeError("a kernel has a length of at least 1");
  const int64_t room = length + 2 * p - d * (kernel - 1) - 1;
  if (room < 0)
    throw ShapeError(std::string("a kernel whose ") + (axis == 0 ? "height" : "width") + " reaches over " +
                     std::to_string(d * (kernel - 1) + 1) + " pixels does not fit into " +
                     std::to_string(length + 2 * p));
  return room / s + 1;
}

// Of a gradient `grad` of results for images of `height` × `width`.
void require_windows(In grad, int64_t height, int64_t width, int64_t kernel_height, int64_t kernel_width,
                     const Ints& stride, const Ints& padding, const Ints& dilation) {
  const int64_t rows = windows(0, height, kernel_height, stride, padding, dilation);
  const int64_t columns = windows(1, width, kernel_width, stride, padding, dilation);
  if (grad.shape[2] != rows || grad.shape[3] != columns)
    throw ShapeError("the gradient is " + describe(grad) + ", the result has " + std::to_string(rows) + " by " +
                     std::to_string(columns) + " pixels");
}

Spec images(In like, int64_t count, int64_t channels, int64_t height, int64_t width) {
  Spec spec{like.dtype, 4};
  spec.shape[0] = count;
  spec.shape[1] = channels;
  spec.shape[2] = height;
  spec.shape[3] = width;
  return spec;
}

}  // namespace

Spec conv2d_outputs(In a, In weight, OptIn bias, Activation, const Ints& stride, const Ints& padding,
                    const Ints& dilation, int64_t groups) {
  require_attributes(a, weight, stride, padding, dilation, groups);
  require_groups("input channels", a.shape[1], groups);
  require_groups("output channels", weight.shape[0], groups);
  if (a.shape[1] / groups != weight.shape[1])
    throw ShapeError("channels of image and weight differ: " + both(a, weight) + " in " + std::to_string(groups) +
                     " groups");
  require_bias(a, bias, weight.shape[0]);
  return images(a, a.shape[0], weight.shape[0], windows(0, a.shape[2], weight.shape[2], stride, padding, dilation),
                windows(1, a.shape[3], weight.shape[3], stride, padding, dilation));
}

Spec conv2d_backward_input_outputs(In grad, In weight, OptIn bias, const Ints& size, const Ints& stride,
                                   const Ints& padding, const Ints& dilation, int64_t groups) {
  require_attributes(grad, weight, stride, padding, dilation, groups);
  require_pair("size", size, 0);
  require_groups("output channels", weight.shape[0], groups);
  if (grad.shape[1] != weight.shape[0])
    throw ShapeError("channels of gradient and weight differ: " + both(grad, weight));
  require_bias(grad, bias, weight.shape[1] * groups);
  const int64_t height = along(size, 0), width = along(size, 1);
  require_windows(grad, height, width, weight.shape[2], weight.shape[3], stride, padding, dilation);
  return images(grad, grad.shape[0], weight.shape[1] * groups, height, width);
}

Spec conv2d_backward_weight_outputs(In grad, In a, const Ints& size, const Ints& stride, const Ints& padding,
                                    const Ints& dilation, int64_t groups) {
  require_attributes(grad, a, stride, padding, dilation, groups);
  require_pair("size", size, 1);
  require_groups("input channels", a.shape[1], groups);
  require_groups("output channels", grad.shape[1], groups);
  if (grad.shape[0] != a.shape[0]) throw ShapeError("numbers of images differ: " + both(grad, a));
  require_windows(grad, a.shape[2], a.shape[3], along(size, 0), along(size, 1), stride, padding, dilation);
  return images(a, grad.shape[1], a.shape[1] / groups, along(size, 0), along(size, 1));
}

}  // namespace pe
