// NumPy's dtypes and the kernels'. CuPy's arrays have them too.
#pragma once

#include <Python.h>
#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#define NPY_TARGET_VERSION NPY_2_0_API_VERSION
#include <numpy/arrayobject.h>

#include <cstdint>
#include <optional>

#include "core/array.h"

namespace pe::bindings {

inline std::optional<DType> dtype_of(const PyArray_Descr* descr) {
  switch (descr->type_num) {
    case NPY_FLOAT32:
      return DType::f32;
    case NPY_FLOAT64:
      return DType::f64;
    case NPY_FLOAT16:
      return DType::f16;
    case NPY_INT32:
      return DType::i32;
    case NPY_UINT8:
      return DType::u8;
    case NPY_BOOL:
      return DType::b8;
    case NPY_LONG:
    case NPY_LONGLONG:
      return descr->elsize == 8 ? std::optional(DType::i64) : std::nullopt;
    default:
      return std::nullopt;
  }
}

inline int type_num(DType dtype) {
  constexpr int numbers[] = {NPY_FLOAT32, NPY_FLOAT64, NPY_FLOAT16, NPY_INT64, NPY_INT32, NPY_UINT8, NPY_BOOL};
  return numbers[static_cast<int>(dtype)];
}

// The bytes that a shape takes, at least 1; throws ShapeError where no memory could hold them.
inline size_t checked_bytes(const Spec& spec) {
  int64_t bytes = itemsize(spec.dtype);
  bool empty = false;
  for (int i = 0; i < spec.ndim; ++i) {
    if (spec.shape[i] == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(bytes, spec.shape[i], &bytes)) {
      throw ShapeError("the shape " + describe_shape(spec.shape, spec.ndim) +
                       " has more bytes than a computer addresses");
    }
  }
  return empty ? 1 : static_cast<size_t>(bytes);
}

}  // namespace pe::bindings
