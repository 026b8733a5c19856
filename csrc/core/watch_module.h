// The class Watch of pyengine._core.
#pragma once

#include <pybind11/pybind11.h>

namespace pe {

void add_watch(pybind11::module_& module);

}  // namespace pe
