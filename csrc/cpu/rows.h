// An array seen as rows along its last axis, for the kernels that work row by row.
#pragma once

#include <algorithm>
#include <type_traits>

#include "core/row_axes.h"
#include "core/vec.h"
#include "cpu/streams.h"

namespace pe {

// An array each element of which is a row: what stands beside the rows of another array.
struct Column {
  const Array& array;
};
inline Column as_column(const Array& a) { return {a}; }

// Row r of an array of any strides.
template <class T>
class Rows : RowAxes {
 public:
  explicit Rows(const Array& a) : Rows(a, a.ndim - 1) {
    if (a.ndim > 0) {
      length = a.shape[a.ndim - 1];
      stride = a.strides[a.ndim - 1];
    }
    constexpr int64_t kSize = sizeof(T);
    streamed = !std::is_const_v<T> && stride == 1 && length * kSize >= kShortestStreamed &&
               length * kSize <= kLongestStreamed && cpu::outgrows_caches(count * length * kSize);
  }
  explicit Rows(Column column) : Rows(column.array, column.array.ndim) {}

  T* operator[](int64_t row) const {
    int64_t offset = 0;
    for (int i = axes - 1; i > 0; --i) {
      offset += row % shape[i] * strides[i];
      row /= shape[i];
    }
    return data_ + offset + (axes > 0 ? row * strides[0] : 0);
  }

  // How many rows from `row` on follow each other at distance row_stride().
  int64_t run(int64_t row) const { return axes > 0 ? shape[axes - 1] - row % shape[axes - 1] : 1; }
  int64_t row_stride() const { return axes > 0 ? strides[axes - 1] : 0; }

  using RowAxes::count;
  int64_t length = 1;     // elements of a row
  int64_t stride = 1;     // between two elements of a row
  bool streamed = false;  // rows of a result that is better written past the caches (streams.h)

 private:
  // In bytes. The first and the last line of a row are not whole. Long ones are read for their sums and then written;
  // such stores alone, with no loads in between, would leave memory half idle.
  static constexpr int64_t kShortestStreamed = 512, kLongestStreamed = 32 * 1024;

  Rows(const Array& a, int outer) : RowAxes(a, outer), data_(a.as<T>()) {}

  T* data_;
};

// Rows that one task works on: about `elements` of them, a multiple of the vector's lanes.
template <class T>
inline int64_t rows_per_task(int64_t row_length, int64_t elements = 16384) {
  const int64_t rows = elements / std::max<int64_t>(row_length, 1);
  return std::max<int64_t>(rows / kLanes<T> * kLanes<T>, row_length >= elements ? 1 : kLanes<T>);
}

template <class T>
inline void copy_strided(const T* from, int64_t from_stride, T* to, int64_t to_stride, int64_t n) {
  for (int64_t i = 0; i < n; ++i) to[i * to_stride] = from[i * from_stride];
}

}  // namespace pe
