// conv2d: out[n, o, y, x] = act(bias[o] + Σ over c, i, j of w[o, c, i, j] · a[n, c, y·s + i·d - p, x·s + j·d - p]), and
// its gradients. 2 · images · out · taps · channels · pixels FLOP on as many numbers as there are pixels and weights:
// from 16 channels on the FMA units are the limit.
//
// No matrix of windows is built. A band of an image is copied once, with its zeros (conv2d_image.h); then every pair of
// a tap and a channel is a fixed distance in the copy, and register tiles (conv2d_tile.h) sum over these. This file
// says where the taps lie: the gradient of the input is a correlation too (conv2d_correlate.h), of the gradient of the
// results with the kernel turned about, one for each remainder of the place by the stride. conv2d_weight.h has the
// weights'.
#include "kernels/conv2d.h"

#include "cpu/conv2d_correlate.h"
#include "cpu/conv2d_weight.h"

namespace pe {

namespace {

using conv::Correlation;
using conv::Images;
using conv::Pair;
using conv::Tap;

struct Shape {
  Pair kernel, stride, padding, dilation;
  int64_t groups;
};

template <class T>
Correlation<T> correlation_of(In a, In weight, OptIn bias, bool relu, int64_t groups, Out out) {
  Correlation<T> x{.images = a.shape[0],
                   .groups = groups,
                   .in_channels = a.shape[1] / groups,
                   .out_channels = out.shape[1] / groups,
                   .in = Images<T>(a),
                   .out = Images<T>(out),
                   .step = {1, 1},
                   .taps = nullptr,
                   .tap_count = 0,
                   .weight = weight.as<T>(),
                   .group_weight = weight.strides[0] * (weight.shape[0] / groups),
                   .out_weight = weight.strides[0],
                   .in_weight = weight.strides[1],
                   .bias = bias ? bias->as<T>() : nullptr,
                   .bias_stride = bias ? bias->strides[0] : 0,
                   .relu = relu};
  return x;
}

template <class T>
void forward(In a, In weight, OptIn bias, bool relu, const Shape& s, Out out) {
  Scratch<Tap> taps(s.kernel.area());
  Correlation<T> x = correlation_of<T>(a, weight, bias, relu, s.groups, out);
  for (int64_t i = 0; i < s.kernel.h; ++i)
    for (int64_t j = 0; j < s.kernel.w; ++j)
      taps[x.tap_count++] = {{i * s.dilation.h - s.padding.h, j * s.dilation.w - s.padding.w},
                             i * weight.strides[2] + j * weight.strides[3]};
  x.taps = taps.data();
  x.step = s.stride;
  conv::correlate(x);
}

// A pixel at `place` was seen by tap i of the result at (place + padding - i · dilation) / stride, where that is whole:
// pixels of one remainder by the stride share their taps.
template <class T>
void backward_input(In grad, In weight, OptIn bias, const Shape& s, Out out) {
  Scratch<Tap> taps(s.kernel.area());
  for (int64_t row = 0; row < std::min(s.stride.h, out.shape[2]); ++row)
    for (int64_t column = 0; column < std::min(s.stride.w, out.shape[3]); ++column) {
      Correlation<T> x = correlation_of<T>(grad, weight, bias, false, s.groups, out);
      std::swap(x.out_weight, x.in_weight);
      for (int64_t i = s.kernel.h - 1; i >= 0; --i)
        for (int64_t j = s.kernel.w - 1; j >= 0; --j) {
          const Pair at{row + s.padding.h - i * s.dilation.h, column + s.padding.w - j * s.dilation.w};
          if (at.h % s.stride.h == 0 && at.w % s.stride.w == 0)
            taps[x.tap_count++] = {{at.h / s.stride.h, at.w / s.stride.w},
                                   i * weight.strides[2] + j * weight.strides[3]};
        }
      x.taps = taps.data();
      x.out.data += row * x.out.stride.h + column * x.out.stride.w;
      x.out.size = {conv::ceil_div(x.out.size.h - row, s.stride.h), conv::ceil_div(x.out.size.w - column, s.stride.w)};
      x.out.stride = {x.out.stride.h * s.stride.h, x.out.stride.w * s.stride.w};
      conv::correlate(x);
    }
}

template <class T>
void backward_weight(In grad, In a, const Shape& s, Out out) {
  Scratch<Tap> taps(s.kernel.area());
  conv::WeightGradient<T> x{.images = a.shape[0],
                            .groups = s.groups,
                            .in_channels = a.shape[1] / s.groups,
                            .out_channels = grad.shape[1] / s.groups,
                            .in = Images<T>(a),
                            .grad = Images<T>(grad),
                            .step = s.stride,
                            .taps = taps.data(),
                            .tap_count = 0,
                            .dw = out.as<T>(),
                            .out_weight = out.strides[0],
                            .in_weight = out.strides[1]};
  for (int64_t i = 0; i < s.kernel.h; ++i)
    for (int64_t j = 0; j < s.kernel.w; ++j)
      taps[x.tap_count++] = {{i * s.dilation.h - s.padding.h, j * s.dilation.w - s.padding.w},
                             i * out.strides[2] + j * out.strides[3]};
  conv::sum_weights(x);
}

Shape shape_of(const Pair& kernel, const Ints& stride, const Ints& padding, const Ints& dilation, int64_t groups) {
  return {kernel, conv::pair_of(stride), conv::pair_of(padding), conv::pair_of(dilation), groups};
}

}  // namespace

void conv2d(In a, In weight, OptIn bias, Activation act, const Ints& stride, const Ints& padding, const Ints& dilation,
            int64_t groups, Out out) {
  const Shape s = shape_of({weight.shape[2], weight.shape[3]}, stride, padding, dilation, groups);
  a.dtype == DType::f32 ? forward<float>(a, weight, bias, act == Activation::relu, s, out)
                        : forward<double>(a, weight, bias, act == Activation::relu, s, out);
}

void conv2d_backward_input(In grad, In weight, OptIn bias, const Ints&, const Ints& stride, const Ints& padding,
                           const Ints& dilation, int64_t groups, Out out) {
  const Shape s = shape_of({weight.shape[2], weight.shape[3]}, stride, padding, dilation, groups);
  grad.dtype == DType::f32 ? backward_input<float>(grad, weight, bias, s, out)
                           : backward_input<double>(grad, weight, bias, s, out);
}

void conv2d_backward_weight(In grad, In a, const Ints& size, const Ints& stride, const Ints& padding,
                            const Ints& dilation, int64_t groups, Out out) {
  const Shape s = shape_of(conv::pair_of(size), stride, padding, dilation, groups);
  a.dtype == DType::f32 ? backward_weight<float>(grad, a, s, out) : backward_weight<double>(grad, a, s, out);
}

}  // namespace pe
