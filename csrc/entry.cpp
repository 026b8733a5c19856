// What Python calls to import a kernel module: looks whether the processor has the module's instructions, then hands
// over to bindings.cpp.
//
// Compiled for any processor of the architecture, and in plain C: an inline C++ function used here could be merged with
// the copy that bindings.cpp compiled for newer instructions, and crash where it should raise.
#include <Python.h>

extern "C" PyObject* PyInit_kernels();  // defined by PYBIND11_MODULE in bindings.cpp

extern "C" __attribute__((visibility("default"))) PyObject* PE_ENTRY() {
#ifdef PE_LEVEL
  PyObject* core = PyImport_ImportModule("pyengine._core");
  if (!core) return nullptr;
  PyObject* best = PyObject_CallMethod(core, "isa_level", nullptr);
  Py_DECREF(core);
  if (!best) return nullptr;
  PyObject* needed = PyUnicode_FromString(PE_LEVEL);
  const int order = needed ? PyUnicode_Compare(best, needed) : -1;
  if (order < 0 && !PyErr_Occurred())
    PyErr_Format(PyExc_ImportError, "these kernels need x86-64-%s; this processor runs up to %U", PE_LEVEL, best);
  Py_XDECREF(needed);
  Py_DECREF(best);
  if (order < 0) return nullptr;
#endif
  return PyInit_kernels();
}
