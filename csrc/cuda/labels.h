// Class numbers beside the rows of an array: data that only the kernel can check (data_error.h).
#pragma once

#include <string>

#include "cuda/data_error.h"
#include "cuda/rows.h"

namespace pe::cuda {

[[noreturn]] inline void raise_label(const DataFault& fault) {
  throw ShapeError("labels[" + std::to_string(fault.order) + "] is " + std::to_string(fault.value) + ", outside the " +
                   std::to_string(fault.limit) + " classes");
}

struct Labels {
  Labels(const Array& labels, const Ints& ignore, int64_t classes_, DataErrorRecord* record_)
      : rows(Rows<const int64_t>::elements(labels)),
        ignores(ignore.count == 1),
        ignored(ignore.values[0]),
        classes(classes_),
        record(record_) {}

  // The label of row r; -1 where it is to be ignored, or is none of the classes, which the thread with `reports` tells.
  __device__ int64_t at(int64_t r, bool reports) const {
    const int64_t label = *rows[r];
    if (ignores && label == ignored) return -1;
    if (static_cast<uint64_t>(label) < static_cast<uint64_t>(classes)) return label;
    if (reports) report(record, {r, label, classes, 0});
    return -1;
  }

  Rows<const int64_t> rows;
  bool ignores;
  int64_t ignored, classes;
  DataErrorRecord* record;
};

}  // namespace pe::cuda
