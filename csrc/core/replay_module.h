// The classes Slot and Replay of pyengine._core.
#pragma once

#include <pybind11/pybind11.h>

namespace pe {

void add_replay(pybind11::module_& module);

}  // namespace pe
