// One slot for each role that a kernel parameter can have: reads a Python object, keeps what the kernel gets.
//
// parse() returns nullptr, or what the object should have been, to follow "must be ". The objects stay alive for the
// length of the call because the caller holds them; a list is copied to a tuple, since others may change it meanwhile.
#pragma once

#include <vector>

#include "bindings/arrays.h"
#include "bindings/signature.h"
#include "core/kept_call.h"

namespace pe::bindings {

template <class Role>
struct Slot;

template <>
struct Slot<In> {
  Array view;

  const char* parse(PyObject* object) { return view_array(object, view); }
  In value() const { return view; }
  void release() {}
  template <class Visit>
  void visit(Visit&& visit) {
    visit(view, Access::read);
  }
};

template <>
struct Slot<OptIn> {
  Array view;
  bool present = false;

  const char* parse(PyObject* object) {
    present = object != Py_None;
    return present ? view_array(object, view) : nullptr;
  }
  OptIn value() const { return present ? &view : nullptr; }
  void release() {}
  template <class Visit>
  void visit(Visit&& visit) {
    if (present) visit(view, Access::read);
  }
};

class ListSlot {
 public:
  ListSlot() = default;
  ListSlot(const ListSlot&) = delete;
  ListSlot& operator=(const ListSlot&) = delete;
  ~ListSlot() { Py_XDECREF(tuple_); }

  // For a kept call, whose arrays are kept alive otherwise.
  void release() { Py_CLEAR(tuple_); }

 protected:
  const char* parse(PyObject* object, bool writeable) {
    if (!PyList_Check(object) && !PyTuple_Check(object)) return "a list or tuple of arrays";
    tuple_ = PySequence_Tuple(object);
    if (!tuple_) throw PythonError{};
    views_.resize(static_cast<size_t>(PyTuple_GET_SIZE(tuple_)));
    for (size_t i = 0; i < views_.size(); ++i) {
      PyObject* item = PyTuple_GET_ITEM(tuple_, static_cast<Py_ssize_t>(i));
      if (view_array(item, views_[i])) return "a list of aligned arrays of a supported dtype";
      if (writeable && !is_writeable(item)) return "a list of writeable arrays";
    }
    return nullptr;
  }

  std::vector<Array> views_;

 private:
  PyObject* tuple_ = nullptr;
};

template <>
struct Slot<InList> : ListSlot {
  const char* parse(PyObject* object) { return ListSlot::parse(object, false); }
  InList value() const { return views_; }
  template <class Visit>
  void visit(Visit&& visit) {
    for (Array& view : views_) visit(view, Access::read);
  }
};

template <>
struct Slot<InOutList> : ListSlot {
  const char* parse(PyObject* object) { return ListSlot::parse(object, true); }
  InOutList value() { return InOutList(views_.data(), views_.size()); }
  template <class Visit>
  void visit(Visit&& visit) {
    for (Array& view : views_) visit(view, Access::update);
  }
};

// Roles without memory.
template <class Value>
struct PlainSlot {
  Value stored{};

  const Value& value() const { return stored; }
  void release() {}
  template <class Visit>
  void visit(Visit&&) {}
};

template <>
struct Slot<const Ints&> : PlainSlot<Ints> {
  const char* parse(PyObject* object) {
    constexpr const char* expected = "an int, a tuple of at most 8 ints, or None";
    stored.none = object == Py_None;
    if (stored.none) return nullptr;
    if (PyIndex_Check(object)) return read(object, stored.count++) ? nullptr : expected;
    if (!PyTuple_Check(object) && !PyList_Check(object)) return expected;
    const Py_ssize_t count = PySequence_Fast_GET_SIZE(object);
    if (count > kMaxDims) return expected;
    for (Py_ssize_t i = 0; i < count; ++i)
      if (!read(PySequence_Fast_GET_ITEM(object, i), stored.count++)) return expected;
    return nullptr;
  }

 private:
  bool read(PyObject* object, int i) {
    stored.values[i] = PyNumber_AsSsize_t(object, PyExc_OverflowError);
    if (stored.values[i] != -1 || !PyErr_Occurred()) return true;
    PyErr_Clear();
    return false;
  }
};

template <>
struct Slot<DType> : PlainSlot<DType> {
  const char* parse(PyObject* object) {
    if (!PyArray_DescrCheck(object)) return "a numpy.dtype";
    const std::optional<DType> found = dtype_of(reinterpret_cast<PyArray_Descr*>(object));
    if (!found) return "one of the dtypes float32, float64, float16, bfloat16, int64, int32, uint8, bool";
    stored = *found;
    return nullptr;
  }
};

template <>
struct Slot<Activation> : PlainSlot<Activation> {
  const char* parse(PyObject* object) {
    if (object == Py_None) return nullptr;
    if (!PyUnicode_Check(object) || PyUnicode_CompareWithASCIIString(object, "relu") != 0) return "None or 'relu'";
    stored = Activation::relu;
    return nullptr;
  }
};

template <>
struct Slot<bool> : PlainSlot<bool> {
  const char* parse(PyObject* object) {
    const int truth = PyObject_IsTrue(object);
    if (truth < 0) throw PythonError{};
    stored = truth;
    return nullptr;
  }
};

template <>
struct Slot<int64_t> : PlainSlot<int64_t> {
  const char* parse(PyObject* object) {
    if (!PyIndex_Check(object)) return "an int";
    stored = PyNumber_AsSsize_t(object, PyExc_OverflowError);
    if (stored != -1 || !PyErr_Occurred()) return nullptr;
    PyErr_Clear();
    return "an int of 64 bits";
  }
};

template <>
struct Slot<double> : PlainSlot<double> {
  const char* parse(PyObject* object) {
    stored = PyFloat_AsDouble(object);
    if (stored != -1.0 || !PyErr_Occurred()) return nullptr;
    PyErr_Clear();
    return "a number";
  }
};

}  // namespace pe::bindings
