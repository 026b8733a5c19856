// Output rules that many kernels share, and what an entry of the kernel table is.
//
// A rule gives the shapes and dtypes of a kernel's results and checks everything that the kernel relies on: ShapeError
// and DTypeError name both operands. A kernel itself checks only what depends on the data (labels, indices).
#pragma once

#include <array>

#include "core/array.h"

namespace pe {

template <auto kKernel, auto kOutputs>
struct Kernel {
  const char* name;
  const char* signature;     // as Python shows it; `out` is added by the binding where there are outputs
  bool elementwise = false;  // `out` may be the very same view as an input
};

inline Spec like(In a) {
  Spec spec{a.dtype, a.ndim};
  for (int i = 0; i < a.ndim; ++i) spec.shape[i] = a.shape[i];
  return spec;
}

Spec float_like(In a);                                // like(a) after require_float
Spec number_like(In a);                               // like(a) after require_number
Spec matching(In grad, In y);                         // like(grad); float, with y of the same shape and dtype
Spec broadcast(In a, In b);                           // NumPy's rule; equal dtypes required
Spec reduced(In a, const Ints& axes, bool keepdims);  // negative axes count from the end; none = all
Spec without_last_axis(In a);                         // throws ShapeError where there is none
Spec shaped(const Ints& shape, DType dtype);          // no negative length

// The common shape of the first axes of two arrays, by NumPy's rule, into `shape`; returns its length.
int broadcast_axes(In a, int a_axes, In b, int b_axes, int64_t* shape);

void require_float(In a);   // float32 or float64; throws DTypeError
void require_number(In a);  // float32, float64 or int64; throws DTypeError
void require_same_dtype(In a, In b);

bool same_shape(In a, In b);
std::string both(In a, In b);  // "float32(3, 4) and float32(5,)"

}  // namespace pe
