// The class Plan of pyengine._core.
#pragma once

#include <pybind11/pybind11.h>

namespace pe {

void add_plan(pybind11::module_& module);

}  // namespace pe
