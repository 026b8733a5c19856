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
