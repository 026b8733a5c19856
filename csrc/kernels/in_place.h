// Kernels whose result starts from an input that `out` may be.
#pragma once

#include "kernels/copy.h"

namespace pe {

// What is written starts from `a`, unless it is `a`. The binding has seen that it overlaps `a` in no other way.
inline void start_from(In a, Out out) {
  if (a.data != out.data) copy(a, a.dtype, out);
}

// For an input that is read while `out` is written.
inline void refuse_shared(const char* name, In input, Out out) {
  if (input.size() > 0 && input.data == out.data)
    throw ShapeError(std::string("out shares memory with ") + name + "; copy " + name + " first");
}

}  // namespace pe
