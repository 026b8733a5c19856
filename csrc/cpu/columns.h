// A vector with one element for each column of an array of rows, for kernels on padded rows (padded_rows.h).
#pragma once

#include "core/memory.h"
#include "cpu/padded_rows.h"

namespace pe {

// It lies without gaps, and is padded as rows are.
template <class T>
class Columns {
 public:
  explicit Columns(In a)
      : buffer_(padded_length<T>(a.shape[0])), p_(padded(Rows<const T>(a), 0, buffer_.data(), T(0))) {}
  const T* data() const { return p_; }

 private:
  Scratch<T> buffer_;
  const T* p_;
};

}  // namespace pe
