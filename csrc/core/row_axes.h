// The axes of an array that count its rows.
#pragma once

#include "core/array.h"

namespace pe {

// The first `outer` axes of an array, merged where they can be walked as one, without those of length 1: finding a row
// of a contiguous array of any rank is then one multiplication.
struct RowAxes {
  int64_t count = 1;  // how many rows
  int axes = 0;
  int64_t shape[kMaxDims] = {};
  int64_t strides[kMaxDims] = {};

  RowAxes(const Array& a, int outer) {
    for (int i = 0; i < outer; ++i) {
      count *= a.shape[i];
      if (a.shape[i] == 1) continue;
      if (axes > 0 && strides[axes - 1] == a.strides[i] * a.shape[i]) {
        shape[axes - 1] *= a.shape[i];
        strides[axes - 1] = a.strides[i];
      } else {
        shape[axes] = a.shape[i];
        strides[axes++] = a.strides[i];
      }
    }
    if (count == 0) axes = 0;  // no rows: no axis of length 0 to divide by
  }
};

}  // namespace pe
