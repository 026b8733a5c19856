// The mean of each window of an image. T; a[n, c, rows, columns]; windows as in kernels/max_pool.h, without dilation.
#pragma once

#include "kernels/windows.h"

namespace pe {

// out = Σ over the window / count: the elements that lie on the image, with `count_include_pad` those on the padding
// too (but not those behind it, which `ceil_mode` may reach), or `divisor` where that is not 0.
void avg_pool2d(In a, const Ints& kernel, const Ints& stride, const Ints& padding, bool ceil_mode,
                bool count_include_pad, double divisor, Out out);

// da of an image of `size`: to each element Σ grad / count over the windows that it lies in.
void avg_pool2d_backward(In grad, const Ints& size, const Ints& kernel, const Ints& stride, const Ints& padding,
                         bool ceil_mode, bool count_include_pad, double divisor, Out da);

// The image cut into size[0] × size[1] windows, from ⌊o · in / size⌋ to ⌈(o + 1) · in / size⌉ along each axis.
void adaptive_avg_pool2d(In a, const Ints& size, Out out);

// The same for an image of `size`.
void adaptive_avg_pool2d_backward(In grad, const Ints& size, Out da);

Spec avg_pool2d_outputs(In a, const Ints& kernel, const Ints& stride, const Ints& padding, bool ceil_mode,
                        bool count_include_pad, double divisor);
Spec avg_pool2d_backward_outputs(In grad, const Ints& size, const Ints& kernel, const Ints& stride, const Ints& padding,
                                 bool ceil_mode, bool count_include_pad, double divisor);
Spec adaptive_avg_pool2d_outputs(In a, const Ints& size);

template <class Visitor>
void for_each_avg_pool_kernel(Visitor&& visit) {
  visit(Kernel<avg_pool2d, avg_pool2d_outputs>{
      "avg_pool2d", "a, kernel, stride, padding, ceil_mode=False, count_include_pad=True, divisor=0.0"});
  visit(Kernel<avg_pool2d_backward, avg_pool2d_backward_outputs>{
      "avg_pool2d_backward",
      "grad, size, kernel, stride, padding, ceil_mode=False, count_include_pad=True, divisor=0.0"});
  visit(Kernel<adaptive_avg_pool2d, adaptive_avg_pool2d_outputs>{"adaptive_avg_pool2d", "a, size"});
  visit(
      Kernel<adaptive_avg_pool2d_backward, adaptive_avg_pool2d_outputs>{"adaptive_avg_pool2d_backward", "grad, size"});
}

}  // namespace pe
