// A kernel's parameters as Python sees them, and how a call's arguments are put in their order.
#pragma once

#include <Python.h>

#include <string>
#include <string_view>
#include <vector>

namespace pe::bindings {

// A Python exception that is set already.
struct PythonError {};

// What is wrong with an argument; becomes a TypeError that starts with the kernel's name.
struct ArgumentError {
  std::string text;
};

inline constexpr int kMaxParameters = 24;

class Signature {
 public:
  // `parameters` as in "a, b, bias=None"; adds "out=None" where the kernel has outputs.
  Signature(const char* name, const char* parameters, bool has_outputs) : name_(name) {
    std::string text = parameters;
    if (has_outputs) text += ", out=None";
    documentation_ = std::string(name) + "(" + text + ")\n--\n\nSee pyengine/reference and csrc/kernels.h.";
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = std::min(text.find(", ", begin), text.size());
      add(std::string_view(text).substr(begin, end - begin));
      begin = end + 2;
    }
  }

  const std::string& name() const { return name_; }
  const char* documentation() const { return documentation_.c_str(); }
  int count() const { return static_cast<int>(parameters_.size()); }
  const char* parameter(size_t i) const { return PyUnicode_AsUTF8(parameters_[i].name); }

  // Positional and keyword arguments of a vector call into `objects`, defaults where none was given.
  void bind(PyObject* const* args, Py_ssize_t positional, PyObject* keywords, PyObject** objects) const {
    const Py_ssize_t count = this->count();
    if (positional > count)
      throw ArgumentError{"takes " + std::to_string(count) + " arguments, not " + std::to_string(positional)};
    for (Py_ssize_t i = 0; i < count; ++i)
      objects[i] = i < positional ? args[i] : parameters_[static_cast<size_t>(i)].fallback;
    if (keywords) {
      for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(keywords); ++k) {
        const size_t i = find(PyTuple_GET_ITEM(keywords, k));
        if (static_cast<Py_ssize_t>(i) < positional) throw ArgumentError{std::string(parameter(i)) + " is given twice"};
        objects[i] = args[positional + k];
      }
    }
    for (Py_ssize_t i = positional; i < count; ++i)
      if (!objects[i]) throw ArgumentError{std::string(parameter(static_cast<size_t>(i))) + " is missing"};
  }

 private:
  struct Parameter {
    PyObject* name;      // interned: keyword names are compared by address
    PyObject* fallback;  // nullptr where the caller must give it
  };

  void add(std::string_view text) {
    const size_t equals = text.find('=');
    const std::string name(text.substr(0, equals));
    PyObject* fallback = nullptr;
    if (equals != std::string_view::npos) fallback = constant(std::string(text.substr(equals + 1)));
    parameters_.push_back({PyUnicode_InternFromString(name.c_str()), fallback});
  }

  static PyObject* constant(const std::string& text) {
    if (text == "None") return Py_None;
    if (text == "True") return Py_True;
    if (text == "False") return Py_False;
    if (text.find_first_not_of("0123456789") == std::string::npos) return PyLong_FromLong(std::stol(text));
    return PyFloat_FromDouble(std::stod(text));
  }

  size_t find(PyObject* keyword) const {
    for (size_t i = 0; i < parameters_.size(); ++i)
      if (parameters_[i].name == keyword) return i;
    for (size_t i = 0; i < parameters_.size(); ++i)
      if (PyUnicode_Compare(parameters_[i].name, keyword) == 0) return i;
    throw ArgumentError{std::string("has no parameter ") + PyUnicode_AsUTF8(keyword)};
  }

  std::string name_, documentation_;
  std::vector<Parameter> parameters_;
};

}  // namespace pe::bindings
