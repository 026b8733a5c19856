// A kernel's fault as a Python exception.
#pragma once

#include <Python.h>

#include "core/kept_call.h"

namespace pe::bindings {

inline void set_error(const Fault& fault) {
  PyObject* const kinds[] = {PyExc_TypeError, PyExc_ValueError, PyExc_IndexError, PyExc_MemoryError,
                             PyExc_RuntimeError};
  PyErr_SetString(kinds[static_cast<int>(fault.kind)], fault.text.c_str());
}

}  // namespace pe::bindings
