// Sums over windows of images, and their gradients. T; a[images, channels, height, width], weight[out, channels /
// groups, kernel height, kernel width]; `stride`, `padding` and `dilation` are one number, or one along the height and
// one along the width. Channels and results are cut into `groups`, each group of results sees its group of channels.
#pragma once

#include "kernels/rules.h"

namespace pe {

// out[n, o, y, x] = act(bias[o] + Σ over c, i, j of weight[o, c, i, j] · a[n, c, y·stride + i·dilation - padding, …]),
// with zeros around the image; the height of out is ⌊(height + 2·padding - dilation·(kernel - 1) - 1) / stride⌋ + 1.
// 2 · images · out · taps · channels / groups · pixels FLOP.
void conv2d(In a, In weight, OptIn bias, Activation act, const Ints& stride, const Ints& padding, const Ints& dilation,
            int64_t groups, Out out);

// For grad of out, the gradient of a, whose height and width are `size`, plus bias[c]: a transposed convolution.
void conv2d_backward_input(In grad, In weight, OptIn bias, const Ints& size, const Ints& stride, const Ints& padding,
                           const Ints& dilation, int64_t groups, Out out);

// The gradient of weight, whose kernel is `size`: Σ over n, y, x of grad[n, o, y, x] · a[n, c, y·stride + …]
void conv2d_backward_weight(In grad, In a, const Ints& size, const Ints& stride, const Ints& padding,
                            const Ints& dilation, int64_t groups, Out out);

Spec conv2d_outputs(In a, In weight, OptIn bias, Activation act, const Ints& stride, const Ints& padding,
                    const Ints& dilation, int64_t groups);
Spec conv2d_backward_input_outputs(In grad, In weight, OptIn bias, const Ints& size, const Ints& stride,
                                   const Ints& padding, const Ints& dilation, int64_t groups);
Spec conv2d_backward_weight_outputs(In grad, In a, const Ints& size, const Ints& stride, const Ints& padding,
                                    const Ints& dilation, int64_t groups);

template <class Visitor>
void for_each_conv2d_kernel(Visitor&& visit) {
  visit(Kernel<conv2d, conv2d_outputs>{"conv2d",
                                       "a, weight, bias=None, act=None, stride=1, padding=0, dilation=1, groups=1"});
  visit(Kernel<conv2d_backward_input, conv2d_backward_input_outputs>{
      "conv2d_backward_input", "grad, weight, bias=None, size=1, stride=1, padding=0, dilation=1, groups=1"});
  visit(Kernel<conv2d_backward_weight, conv2d_backward_weight_outputs>{
      "conv2d_backward_weight", "grad, a, size=1, stride=1, padding=0, dilation=1, groups=1"});
}

}  // namespace pe
