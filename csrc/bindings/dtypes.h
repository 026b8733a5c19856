// NumPy's dtypes and the kernels'. CuPy's arrays have them too.
#pragma once

#include <Python.h>
#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#define NPY_TARGET_VERSION NPY_2_0_API_VERSION
#include <numpy/arrayobject.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <optional>

#include "core/array.h"

namespace pe::bindings {

// bfloat16 is ml_dtypes', to which NumPy gives a number when it is first imported; that is left to who makes the first
// such array, and 0 until one was seen.
inline std::atomic<int> bfloat16_number = 0;

inline bool is_bfloat16(const PyArray_Descr* descr) {
  if (descr->type_num < NPY_USERDEF) return false;
  if (descr->type_num == bfloat16_number) return true;
  if (std::strcmp(descr->typeobj->tp_name, "ml_dtypes.bfloat16") != 0) return false;
  bfloat16_number = descr->type_num;
  return true;
}

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
      return is_bfloat16(descr) ? std::optional(DType::bf16) : std::nullopt;
  }
}

// Of bfloat16 only after it was seen: no kernel makes it from anything else.
inline int type_num(DType dtype) {
  constexpr int kSeen = -1;
  constexpr int numbers[] = {NPY_FLOAT32, NPY_FLOAT64, NPY_FLOAT16, kSeen, NPY_INT64, NPY_INT32, NPY_UINT8, NPY_BOOL};
  if (dtype == DType::bf16) return bfloat16_number;
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
