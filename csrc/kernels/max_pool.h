// The greatest element of each window of an image, with its place. T; a[n, c, rows, columns].
//
// kernel, stride, padding and dilation are pairs: of rows, of columns. A window reaches over rows
// o · stride - padding + i · dilation, 0 <= i < kernel, and columns likewise; what lies outside of the image takes no
// part. places[o] = i · kernel[1] + j says which element was chosen: uint8 where a window has at most 256, else int32.
#pragma once

#include "kernels/windows.h"

namespace pe {

// The first of the greatest elements of a window in row-major order; a NaN is greater than any number. A window without
// elements (dilation may step over a small image) gives -inf.
void max_pool2d(In a, const Ints& kernel, const Ints& stride, const Ints& padding, const Ints& dilation, bool ceil_mode,
                Out out, Out places);

// da of an image of `size`: to each element the sum of the gradients of the windows that chose it. A place outside of
// the image is passed over.
void max_pool2d_backward(In grad, In places, const Ints& size, const Ints& kernel, const Ints& stride,
                         const Ints& padding, const Ints& dilation, Out da);

// Its transpose: out[o] = the element of a that window o chose, 0 for a place outside of the image.
void max_pool2d_take(In a, In places, const Ints& kernel, const Ints& stride, const Ints& padding, const Ints& dilation,
                     Out out);

std::array<Spec, 2> max_pool2d_outputs(In a, const Ints& kernel, const Ints& stride, const Ints& padding,
                                       const Ints& dilation, bool ceil_mode);
Spec max_pool2d_backward_outputs(In grad, In places, const Ints& size, const Ints& kernel, const Ints& stride,
                                 const Ints& padding, const Ints& dilation);
Spec max_pool2d_take_outputs(In a, In places, const Ints& kernel, const Ints& stride, const Ints& padding,
                             const Ints& dilation);

template <class Visitor>
void for_each_max_pool_kernel(Visitor&& visit) {
  visit(Kernel<max_pool2d, max_pool2d_outputs>{"max_pool2d", "a, kernel, stride, padding, dilation, ceil_mode=False"});
  visit(Kernel<max_pool2d_backward, max_pool2d_backward_outputs>{
      "max_pool2d_backward", "grad, places, size, kernel, stride, padding, dilation"});
  visit(Kernel<max_pool2d_take, max_pool2d_take_outputs>{"max_pool2d_take",
                                                         "a, places, kernel, stride, padding, dilation"});
}

}  // namespace pe
