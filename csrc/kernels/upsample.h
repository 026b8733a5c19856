// Images of another size: each pixel the nearest one, or a mean of four. T; a[n, c, rows, columns].
//
// Output pixel o of an axis stands at place p of the input: for the nearest p = ⌊o · step · (1 + 2^-50)⌋, which makes
// up for what a rounded step may lack of a whole number. Bilinear, p = o · step with `align_corners`, else
// max((o + 1/2) · step - 1/2, 0); pixels ⌊p⌋ and ⌊p⌋ + 1 count 1 - (p - ⌊p⌋) and p - ⌊p⌋. Rows and columns each have
// a step. A p behind the last pixel is that pixel.
#pragma once

#include "kernels/windows.h"

namespace pe {

void upsample2d(In a, const Ints& size, double row_step, double column_step, bool bilinear, bool align_corners,
                Out out);

// The transpose: to each pixel of an image of `size` the gradients of those that were made of it, times what it
// counted.
void upsample2d_backward(In grad, const Ints& size, double row_step, double column_step, bool bilinear,
                         bool align_corners, Out da);

Spec upsample2d_outputs(In a, const Ints& size, double row_step, double column_step, bool bilinear, bool align_corners);

template <class Visitor>
void for_each_upsample_kernel(Visitor&& visit) {
  visit(Kernel<upsample2d, upsample2d_outputs>{"upsample2d",
                                               "a, size, row_step, column_step, bilinear=False, align_corners=False"});
  visit(Kernel<upsample2d_backward, upsample2d_outputs>{
      "upsample2d_backward", "grad, size, row_step, column_step, bilinear=False, align_corners=False"});
}

}  // namespace pe
