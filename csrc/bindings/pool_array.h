// New NumPy arrays whose memory comes from the pool and goes back to it.
#pragma once

#include <new>

#include "bindings/numpy.h"
#include "core/core_api.h"

namespace pe::bindings {

inline constexpr const char* kBlockCapsule = "pyengine.block";

inline void release_block(PyObject* capsule) {
  core().release(PyCapsule_GetPointer(capsule, kBlockCapsule), reinterpret_cast<size_t>(PyCapsule_GetContext(capsule)));
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

// A row-major, uninitialised array; nullptr with a Python error where NumPy refuses. Throws std::bad_alloc.
inline PyObject* new_pool_array(const Spec& spec) {
  const size_t bytes = checked_bytes(spec);
  void* block = core().allocate(bytes);
  PyObject* owner = PyCapsule_New(block, kBlockCapsule, release_block);
  if (!owner) {
    core().release(block, bytes);
    return nullptr;
  }
  PyCapsule_SetContext(owner, reinterpret_cast<void*>(bytes));
  npy_intp shape[kMaxDims];
  for (int i = 0; i < spec.ndim; ++i) shape[i] = spec.shape[i];
  PyObject* array = PyArray_NewFromDescr(&PyArray_Type, PyArray_DescrFromType(type_num(spec.dtype)), spec.ndim, shape,
                                         nullptr, block, NPY_ARRAY_CARRAY, nullptr);
  if (!array) {
    Py_DECREF(owner);
    return nullptr;
  }
  PyArray_SetBaseObject(reinterpret_cast<PyArrayObject*>(array), owner);  // takes over the reference
  return array;
}

}  // namespace pe::bindings
