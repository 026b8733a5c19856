// What went wrong in a call: from the C++ exception to a Fault, and from there to the Python exception.
#pragma once

#include <Python.h>

#include <exception>
#include <new>
#include <optional>
#include <string>

#include "bindings/signature.h"
#include "core/kept_call.h"

namespace pe::bindings {

// The C++ exception in flight; nothing where it stands for a Python exception that is set.
inline std::optional<Fault> fault_in_flight(const std::string& kernel) {
  using enum Fault::Kind;
  try {
    throw;
  } catch (const PythonError&) {
    return std::nullopt;
  } catch (const ArgumentError& error) {
    return Fault{type, kernel + ": " + error.text};
  } catch (const DTypeError& error) {
    return Fault{type, kernel + ": " + error.what()};
  } catch (const IndexError& error) {
    return Fault{index, kernel + ": " + error.what()};
  } catch (const ShapeError& error) {
    return Fault{value, kernel + ": " + error.what()};
  } catch (const std::bad_alloc& error) {
    return Fault{memory, kernel + ": " + error.what()};
  } catch (const std::exception& error) {
    return Fault{runtime, kernel + ": " + error.what()};
  }
}

inline void set_error(const Fault& fault) {
  PyObject* const kinds[] = {PyExc_TypeError, PyExc_ValueError, PyExc_IndexError, PyExc_MemoryError,
                             PyExc_RuntimeError};
  PyErr_SetString(kinds[static_cast<int>(fault.kind)], fault.text.c_str());
}

}  // namespace pe::bindings
