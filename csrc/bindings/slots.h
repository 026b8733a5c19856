// One slot for each role that a kernel parameter can have: reads a Python object, keeps what the kernel gets.
//
// A call goes through its slots without knowing their roles (AnySlot); only the kernel's own arguments, value(), are
// typed. The objects stay alive for the length of the call because the caller holds them; a list is copied to a tuple,
// since others may change it meanwhile.
#pragma once

#include <span>
#include <vector>

#include "bindings/arrays.h"
#include "bindings/signature.h"
#include "core/kept_call.h"

namespace pe::bindings {

class AnySlot {
 public:
  AnySlot() = default;
  AnySlot(const AnySlot&) = delete;
  AnySlot& operator=(const AnySlot&) = delete;

  // nullptr, or what the object should have been, to follow "must be ".
  virtual const char* parse(PyObject* object) = 0;
  // Lets go of Python's objects, for a kept call, whose arrays are kept alive otherwise.
  virtual void release() {}
  // Lets the kernel end with relu where this is its activation and there is none yet.
  virtual bool append_relu() { return false; }

  std::span<Array> arrays;  // of this argument, once parsed
  Access access = Access::read;

 protected:
  ~AnySlot() = default;
};

template <class Role>  // without const and &
struct Slot;

template <>
struct Slot<Array> final : AnySlot {
  Array view;

  const char* parse(PyObject* object) override {
    arrays = {&view, 1};
    return view_array(object, view);
  }
  In value() const { return view; }
};

template <>
struct Slot<OptIn> final : AnySlot {
  Array view;

  const char* parse(PyObject* object) override {
    if (object == Py_None) return nullptr;
    arrays = {&view, 1};
    return view_array(object, view);
  }
  OptIn value() const { return arrays.data(); }
};

class ListSlot : public AnySlot {
 public:
  void release() override { Py_CLEAR(tuple_); }

 protected:
  ~ListSlot() { Py_XDECREF(tuple_); }

  const char* parse_list(PyObject* object, bool writeable) {
    if (!PyList_Check(object) && !PyTuple_Check(object)) return "a list or tuple of arrays";
    tuple_ = PySequence_Tuple(object);
    if (!tuple_) throw PythonError{};
    views_.resize(static_cast<size_t>(PyTuple_GET_SIZE(tuple_)));
    for (size_t i = 0; i < views_.size(); ++i) {
      PyObject* item = PyTuple_GET_ITEM(tuple_, static_cast<Py_ssize_t>(i));
      if (view_array(item, views_[i])) return "a list of aligned arrays of a supported dtype";
      if (writeable && !is_writeable(item)) return "a list of writeable arrays";
    }
    arrays = views_;
    return nullptr;
  }

 private:
  std::vector<Array> views_;
  PyObject* tuple_ = nullptr;
};

template <>
struct Slot<InList> final : ListSlot {
  const char* parse(PyObject* object) override { return parse_list(object, false); }
  InList value() const { return arrays; }
};

template <>
struct Slot<InOutList> final : ListSlot {
  Slot() { access = Access::update; }
  const char* parse(PyObject* object) override { return parse_list(object, true); }
  InOutList value() { return InOutList(arrays.data(), arrays.size()); }
};

// Roles without memory.
template <class Value>
struct PlainSlot : AnySlot {
  Value stored{};

  const Value& value() const { return stored; }
};

template <>
struct Slot<Ints> final : PlainSlot<Ints> {
  const char* parse(PyObject* object) override {
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
struct Slot<DType> final : PlainSlot<DType> {
  const char* parse(PyObject* object) override {
    if (!PyArray_DescrCheck(object)) return "a numpy.dtype";
    const std::optional<DType> found = dtype_of(reinterpret_cast<PyArray_Descr*>(object));
    if (!found) return "one of the dtypes float32, float64, float16, bfloat16, int64, int32, uint8, bool";
    stored = *found;
    return nullptr;
  }
};

template <>
struct Slot<Activation> final : PlainSlot<Activation> {
  const char* parse(PyObject* object) override {
    if (object == Py_None) return nullptr;
    if (!PyUnicode_Check(object) || PyUnicode_CompareWithASCIIString(object, "relu") != 0) return "None or 'relu'";
    stored = Activation::relu;
    return nullptr;
  }

  bool append_relu() override {
    const bool free = stored == Activation::none;
    stored = Activation::relu;
    return free;
  }
};

template <>
struct Slot<bool> final : PlainSlot<bool> {
  const char* parse(PyObject* object) override {
    const int truth = PyObject_IsTrue(object);
    if (truth < 0) throw PythonError{};
    stored = truth;
    return nullptr;
  }
};

template <>
struct Slot<int64_t> final : PlainSlot<int64_t> {
  const char* parse(PyObject* object) override {
    if (!PyIndex_Check(object)) return "an int";
    stored = PyNumber_AsSsize_t(object, PyExc_OverflowError);
    if (stored != -1 || !PyErr_Occurred()) return nullptr;
    PyErr_Clear();
    return "an int of 64 bits";
  }
};

template <>
struct Slot<double> final : PlainSlot<double> {
  const char* parse(PyObject* object) override {
    stored = PyFloat_AsDouble(object);
    if (stored != -1.0 || !PyErr_Occurred()) return nullptr;
    PyErr_Clear();
    return "a number";
  }
};

}  // namespace pe::bindings
