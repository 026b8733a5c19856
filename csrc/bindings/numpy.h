// NumPy arrays as kernels see them. The array's C struct is read directly: a hundred nanoseconds less for each argument
// than through pybind11's array types, which is half of a small operation.
#pragma once

#include "bindings/dtypes.h"

namespace pe::bindings {

// Fills `view` from `object`. Returns nullptr, or what `object` should have been, to follow "must be ".
inline const char* view_array(PyObject* object, Array& view) {
  if (!PyArray_Check(object)) return "a numpy.ndarray";
  auto* array = reinterpret_cast<PyArrayObject*>(object);
  const PyArray_Descr* descr = PyArray_DESCR(array);
  const std::optional<DType> dtype = dtype_of(descr);
  if (!dtype) return "an array of float32, float64, float16, bfloat16, int64, int32, uint8 or bool";
  if (!PyArray_ISALIGNED(array) || PyArray_ISBYTESWAPPED(array)) return "aligned and of native byte order; copy it";
  if (PyArray_NDIM(array) > kMaxDims) return "an array of at most 8 axes";
  view.data = PyArray_DATA(array);
  view.dtype = *dtype;
  view.ndim = PyArray_NDIM(array);
  const int64_t bytes = itemsize(*dtype);
  for (int i = 0; i < view.ndim; ++i) {
    const int64_t stride = PyArray_STRIDE(array, i);
    view.shape[i] = PyArray_DIM(array, i);
    view.strides[i] = stride / bytes;
    if (view.strides[i] * bytes != stride) return "an array whose strides are whole elements; copy it";
  }
  return nullptr;
}

inline bool is_writeable(PyObject* array) { return PyArray_ISWRITEABLE(reinterpret_cast<PyArrayObject*>(array)); }

}  // namespace pe::bindings
