// Walking several strided arrays together: the iteration space that elementwise kernels, copies and reductions share.
//
// A Walk is the index space of its first array with every axis of length 1 dropped, the axes ordered so that the first
// array's smallest stride is innermost, and neighbours merged where all arrays allow it. Contiguous arrays of any rank
// become one axis; a row vector over a matrix becomes two.
#pragma once

#include <algorithm>
#include <cstdlib>

#include "core/array.h"
#include "core/parallel.h"

namespace pe::cpu {

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

inline void insert_axis(Walk& walk, int64_t length, const int64_t* strides) {
  int at = walk.ndim++;
  while (at > 0 && inside(walk.strides[0][at - 1], strides[0])) {
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

// The common walk of arrays[0] (whose shape is the index space, not empty) and arrays that broadcast to it.
inline Walk collapse(const Array* const* arrays, int count) {
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
    if (strides[0] < 0) {  // walk the first array upwards
      for (int op = 0; op < count; ++op) {
        walk.data[op] += (length - 1) * strides[op];
        strides[op] = -strides[op];
      }
    }
    detail::insert_axis(walk, length, strides);
  }
  if (walk.ndim == 0) {
    walk.ndim = 1;
    walk.shape[0] = 1;
    for (int op = 0; op < count; ++op) walk.strides[op][0] = itemsize(arrays[op]->dtype);
  }
  detail::merge_axes(walk);
  return walk;
}

// Where every array stands at the start of one row (all axes but the innermost, counted in walk order).
class RowCursor {
 public:
  RowCursor(const Walk& walk, int64_t row) : walk_(walk) {
    for (int op = 0; op < walk.operands; ++op) data[op] = walk.data[op];
    for (int axis = walk.ndim - 2; axis >= 0; --axis) {
      index_[axis] = row % walk.shape[axis];
      row /= walk.shape[axis];
      for (int op = 0; op < walk.operands; ++op) data[op] += index_[axis] * walk.strides[op][axis];
    }
  }

  void next() {
    for (int axis = walk_.ndim - 2; axis >= 0; --axis) {
      if (++index_[axis] < walk_.shape[axis]) {
        for (int op = 0; op < walk_.operands; ++op) data[op] += walk_.strides[op][axis];
        return;
      }
      index_[axis] = 0;
      for (int op = 0; op < walk_.operands; ++op) data[op] -= (walk_.shape[axis] - 1) * walk_.strides[op][axis];
    }
  }

  char* data[kMaxOperands];

 private:
  const Walk& walk_;
  int64_t index_[kMaxDims];
};

// Elements that one thread takes at a time: tens of microseconds of work, many times the cost of handing it over.
inline constexpr int64_t kBlock = 32 * 1024;

// body(row, begin, end) for pieces of rows that cover the walk, on all threads in blocks of about
// `block_size` elements: elements [begin, end) of a row, with row[op] where array op stands at the row's element 0.
template <class Body>
void parallel_rows(const Walk& walk, int64_t block_size, Body&& body) {
  const int64_t length = walk.inner(), rows = walk.rows();
  const int64_t pieces = (length + block_size - 1) / block_size;
  const int64_t rows_at_once = std::max<int64_t>(1, block_size / length);
  const int64_t groups = (rows + rows_at_once - 1) / rows_at_once;
  parallel_for(groups * pieces, [&](int64_t block) {
    const int64_t begin = block % pieces * block_size, end = std::min(begin + block_size, length);
    const int64_t first = block / pieces * rows_at_once, last = std::min(first + rows_at_once, rows);
    RowCursor cursor(walk, first);
    for (int64_t row = first; row < last; ++row, cursor.next()) body(cursor.data, begin, end);
  });
}

}  // namespace pe::cpu
