// A kernel's results: allocated from the pool by its output rule, or given by the caller as `out` and checked against
// it.
#pragma once

#include <algorithm>
#include <string>

#include "bindings/arrays.h"
#include "bindings/signature.h"
#include "core/same_view.h"

namespace pe::bindings {

struct Output {
  Array view;
  PyObject* object = nullptr;  // owned; nullptr until made and once taken, Py_None where absent
  bool absent = false;         // an optional result that this call does not make

  Output() = default;
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output() { Py_XDECREF(object); }

  PyObject* take() {
    PyObject* result = object;
    object = nullptr;
    return result;
  }

  void make(const Spec& spec) {
    absent = spec.absent;
    if (absent) {
      object = Py_NewRef(Py_None);
      return;
    }
    object = new_array(spec, view.data);
    if (!object) throw PythonError{};
    view.dtype = spec.dtype;
    view.ndim = spec.ndim;
    int64_t stride = 1;
    for (int i = spec.ndim - 1; i >= 0; --i) {
      view.shape[i] = spec.shape[i];
      view.strides[i] = stride;
      stride *= spec.shape[i];
    }
  }

  void accept(PyObject* given, const Spec& spec) {
    absent = spec.absent;
    if (absent) {
      object = Py_NewRef(Py_None);
      return;
    }
    if (const char* expected = view_array(given, view)) throw ArgumentError{std::string("out must be ") + expected};
    if (!is_writeable(given)) throw ArgumentError{"out must be writeable"};
    if (view.dtype != spec.dtype)
      throw DTypeError(std::string("out is ") + name(view.dtype) + ", the result " + name(spec.dtype));
    if (view.ndim != spec.ndim || !std::equal(view.shape, view.shape + view.ndim, spec.shape))
      throw ShapeError("out has shape " + describe_shape(view.shape, view.ndim) + ", the result " +
                       describe_shape(spec.shape, spec.ndim));
    object = Py_NewRef(given);
  }
};

// The first and last byte that a view can touch.
inline std::pair<const char*, const char*> extent(const Array& a) {
  int64_t low = 0, high = 0;
  for (int i = 0; i < a.ndim; ++i) {
    const int64_t reach = (a.shape[i] - 1) * a.strides[i];
    (reach < 0 ? low : high) += reach;
  }
  const auto* data = static_cast<const char*>(a.data);
  return {data + low * itemsize(a.dtype), data + (high + 1) * itemsize(a.dtype) - 1};
}

// Whether two views share an element: by their extents, and where these cross by NumPy's exact search.
inline bool share_memory(const Array& a, const Array& b) {
  if (a.size() == 0 || b.size() == 0) return false;
  const auto [a_first, a_last] = extent(a);
  const auto [b_first, b_last] = extent(b);
  if (a_last < b_first || b_last < a_first) return false;
  PyObject* numpy = PyImport_ImportModule("numpy");
  PyObject* answer = numpy ? PyObject_CallMethod(numpy, "shares_memory", "NN", bare_array(a), bare_array(b)) : nullptr;
  Py_XDECREF(numpy);
  if (!answer) throw PythonError{};
  const bool shared = PyObject_IsTrue(answer) == 1;
  Py_DECREF(answer);
  return shared;
}

}  // namespace pe::bindings
