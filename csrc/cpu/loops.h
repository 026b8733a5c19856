// Walking several strided arrays together (core/walk.h) on the CPU: row by row, on all threads.
#pragma once

#include <algorithm>

#include "core/parallel.h"
#include "core/walk.h"

namespace pe::cpu {

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
