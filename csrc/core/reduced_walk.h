// The index space of a reduction in two: the axes that stay and those that are reduced.
#pragma once

#include "core/walk.h"

namespace pe {

// The axes of the input in walk order, by what happens to them. Operand 0 is the input, 1 the output.
struct Split {
  Walk kept, reduced;
};

inline void append_unit_axis(Walk& walk) {
  walk.shape[walk.ndim] = 1;
  for (int op = 0; op < walk.operands; ++op) walk.strides[op][walk.ndim] = 0;
  ++walk.ndim;
}

inline void append_axis(Walk& walk, const Walk& from, int axis) {
  walk.shape[walk.ndim] = from.shape[axis];
  for (int op = 0; op < walk.operands; ++op) walk.strides[op][walk.ndim] = from.strides[op][axis];
  ++walk.ndim;
}

// The axes of `walk` by whether its operand 1, the output, runs along them.
inline Split split(const Walk& walk) {
  Split parts;
  for (Walk* part : {&parts.kept, &parts.reduced}) {
    part->operands = walk.operands;
    for (int op = 0; op < walk.operands; ++op) part->data[op] = walk.data[op];
  }
  for (int axis = 0; axis < walk.ndim; ++axis)
    append_axis(walk.strides[1][axis] == 0 ? parts.reduced : parts.kept, walk, axis);
  for (Walk* part : {&parts.kept, &parts.reduced})
    if (part->ndim == 0) append_unit_axis(*part);
  return parts;
}

// The output as it broadcasts back onto the input: a stride of 0 along every reduced axis.
inline Array expanded(In a, uint32_t axes, const Array& out) {
  Array kept;
  kept.data = out.data;
  kept.dtype = out.dtype;
  kept.ndim = a.ndim;
  const bool keepdims = out.ndim == a.ndim;
  for (int axis = 0, own = 0; axis < a.ndim; ++axis) {
    const bool reduced = axes >> axis & 1;
    kept.shape[axis] = reduced ? 1 : a.shape[axis];
    kept.strides[axis] = reduced ? 0 : out.strides[own];
    own += keepdims || !reduced;
  }
  return kept;
}

}  // namespace pe
