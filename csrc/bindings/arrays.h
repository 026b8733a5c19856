// The arrays of this module's callers: NumPy's, or with PE_CUPY defined CuPy's. Both headers give
//   view_array(object, view)   fills `view`; nullptr, or what `object` should have been
//   is_writeable(object)
//   new_array(spec, data)      a row-major, uninitialised array and where its elements lie; nullptr with a Python error
//   CallScope                  what surrounds the kernel of a call
//   KeptScope                  what surrounds a kept call (core/kept_call.h), and kKeptNeedsPython: whether that is
//   Python's
#pragma once

#ifdef PE_CUPY
#include "bindings/cupy.h"
#else
#include "bindings/pool_array.h"

namespace pe::bindings {

inline PyObject* new_array(const Spec& spec, void*& data) {
  PyObject* array = new_pool_array(spec);
  if (array) data = PyArray_DATA(reinterpret_cast<PyArrayObject*>(array));
  return array;
}

// Below this many elements a kernel is done before another Python thread could have woken up.
inline constexpr int64_t kElementsToReleaseGil = 8192;

class CallScope {
 public:
  explicit CallScope(int64_t elements) : state_(elements >= kElementsToReleaseGil ? PyEval_SaveThread() : nullptr) {}
  ~CallScope() {
    if (state_) PyEval_RestoreThread(state_);
  }
  CallScope(const CallScope&) = delete;
  CallScope& operator=(const CallScope&) = delete;

 private:
  PyThreadState* state_;
};

// A Plan gives the interpreter's lock away once for all of its calls.
struct KeptScope {
  KeptScope() {}
};
inline constexpr bool kKeptNeedsPython = false;

}  // namespace pe::bindings
#endif

namespace pe::bindings {

// An array that only says where its elements lie: NumPy reasons about it and never looks.
inline PyObject* bare_array(const Array& a) {
  npy_intp shape[kMaxDims], strides[kMaxDims];
  for (int i = 0; i < a.ndim; ++i) {
    shape[i] = a.shape[i];
    strides[i] = a.strides[i] * itemsize(a.dtype);
  }
  return PyArray_NewFromDescr(&PyArray_Type, PyArray_DescrFromType(type_num(a.dtype)), a.ndim, shape, strides, a.data,
                              NPY_ARRAY_ALIGNED, nullptr);
}

}  // namespace pe::bindings
