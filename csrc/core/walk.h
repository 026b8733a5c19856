// The index space that elementwise kernels, copies and reductions share, on every backend: several strided arrays
// walked together.
//
// A Walk is the index space of its first array with every axis of length 1 dropped, the axes ordered so that the first
// array's smallest stride is innermost, and neighbours merged where all arrays allow it. Contiguous arrays of any rank
// become one axis; a row vector over a matrix becomes two.
#pragma once

#include <cstdlib>

#include "core/array.h"

namespace pe {

inline constexpr int kMaxOperands = 4;

struct Walk {
  int operands = 0;
  int ndim = 0;                             // at least 1 once built
  int64_t shape[kMaxDims];                  // outermost axis first
  int64_t strides[kMaxOperands][kMaxDims];  // in bytes; 0 where the array is broadcast along the axis
  char* data[kMaxOperands];

  int64_t inner() const { return shape[ndim - 1]; }
  int64_t inner_stride(int operand) const { return strides[operand][ndim - 1]; }
  int64_t rows() const {
    int64_t n = 1;
    for (int axis = 0; axis + 1 < ndim; ++axis) n *= shape[axis];
    return n;
  }
};

namespace detail {

// Axes along which the first array repeats itself go outermost, so that the inner loop still meets real neighbours.
inline bool inside(int64_t stride, int64_t other) {
  if (other == 0) return stride != 0;
  return stride != 0 && std::abs(stride) < std::abs(other);
}

inline void insert_axis(Walk& walk, int64_t length, const int64_t* strides, bool in_order) {
  int at = walk.ndim++;
  while (!in_order && at > 0 && inside(walk.strides[0][at - 1], strides[0])) {
    walk.shape[at] = walk.shape[at - 1];
    for (int op = 0; op < walk.operands; ++op) walk.strides[op][at] = walk.strides[op][at - 1];
    --at;
  }
  walk.shape[at] = length;
  for (int op = 0; op < walk.operands; ++op) walk.strides[op][at] = strides[op];
}

inline void merge_axes(Walk& walk) {
  int last = 0;
  for (int axis = 1; axis < walk.ndim; ++axis) {
    bool mergeable = true;
    for (int op = 0; op < walk.operands; ++op)
      mergeable &= walk.strides[op][last] == walk.strides[op][axis] * walk.shape[axis];
    last += !mergeable;
    walk.shape[last] = mergeable ? walk.shape[last] * walk.shape[axis] : walk.shape[axis];
    for (int op = 0; op < walk.operands; ++op) walk.strides[op][last] = walk.strides[op][axis];
  }
  walk.ndim = last + 1;
}

}  // namespace detail

// The common walk of arrays[0] (whose shape is the index space, not empty) and arrays that broadcast to it. `in_order`:
// in row-major order, wherever that leads in memory.
inline Walk collapse(const Array* const* arrays, int count, bool in_order = false) {
  Walk walk;
  walk.operands = count;
  for (int op = 0; op < count; ++op) walk.data[op] = arrays[op]->as<char>();
  const Array& space = *arrays[0];
  for (int axis = 0; axis < space.ndim; ++axis) {
    const int64_t length = space.shape[axis];
    if (length == 1) continue;
    int64_t strides[kMaxOperands];
    for (int op = 0; op < count; ++op) {
      const Array& a = *arrays[op];
      const int own = axis - (space.ndim - a.ndim);  // shapes are aligned at the last axis
      strides[op] = own < 0 || a.shape[own] == 1 ? 0 : a.strides[own] * itemsize(a.dtype);
    }
    if (strides[0] < 0 && !in_order) {  // walk the first array upwards
      for (int op = 0; op < count; ++op) {
        walk.data[op] += (length - 1) * strides[op];
        strides[op] = -strides[op];
      }
    }
    detail::insert_axis(walk, length, strides, in_order);
  }
  if (walk.ndim == 0) {
    walk.ndim = 1;
    walk.shape[0] = 1;
    for (int op = 0; op < count; ++op) walk.strides[op][0] = itemsize(arrays[op]->dtype);
  }
  detail::merge_axes(walk);
  return walk;
}

}  // namespace pe
