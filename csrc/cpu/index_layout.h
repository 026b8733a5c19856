// Where the elements of an advanced index lie: the arithmetic that index, index_put and index_add share.
#pragma once

#include <algorithm>

#include "core/memory.h"
#include "core/parallel.h"
#include "kernels/index.h"

namespace pe::cpu {

// A shape and the distance, in elements, that each of its axes makes in some array.
struct Steps {
  int ndim = 0;
  int64_t shape[kMaxDims];
  int64_t strides[kMaxDims];

  void add(int64_t length, int64_t stride) {
    if (length == 1) return;
    shape[ndim] = length;
    strides[ndim++] = stride;
  }
  int64_t size() const {
    int64_t n = 1;
    for (int i = 0; i < ndim; ++i) n *= shape[i];
    return n;
  }
  int64_t offset(int64_t i) const {
    int64_t sum = 0;
    for (int axis = ndim - 1; axis >= 0; --axis) {
      sum += i % shape[axis] * strides[axis];
      i /= shape[axis];
    }
    return sum;
  }
  // visit(i, offset) for positions [begin, end) in row-major order, along rows or what is wanted of them.
  template <class Visit>
  void walk(int64_t begin, int64_t end, Visit&& visit) const {
    const int64_t length = ndim > 0 ? shape[ndim - 1] : 1, step = ndim > 0 ? strides[ndim - 1] : 0;
    for (int64_t i = begin; i < end;) {
      const int64_t start = offset(i), n = std::min(end - i, length - i % length);
      for (int64_t j = 0; j < n; ++j) visit(i + j, start + j * step);
      i += n;
    }
  }
};

// `whole` is the array that is indexed, `part` what is chosen of it (index) or put into it. Tuple j of positions stands
// for a block of `whole`, and for one of `part`: the axes that are not indexed. Blocks are split into runs.
class IndexLayout {
 public:
  IndexLayout(In whole, InList indices, const Ints& axes, bool wrap, In part)
      : tuples(broadcast_indices(indices)), count(size_of(tuples)), whole_at(count), part_at(count) {
    const int first = are_neighbours(axes) ? static_cast<int>(axes.values[0]) : 0;
    place_in_part(part, first);
    for (int i = 0; i < axes.count; ++i) place_in_whole(whole, indices[static_cast<size_t>(i)], i, axes, wrap);
    merge_rest(whole, axes, part, first);
  }

  // Elements of a run, and its steps in both arrays.
  int64_t run = 1, whole_step = 1, part_step = 1;
  // Where the runs of a block start: the same axes for both, by two distances.
  Steps whole_runs, part_runs;

  Spec tuples;
  int64_t count;                       // of tuples
  Scratch<int64_t> whole_at, part_at;  // where the block of tuple j starts, in elements

 private:
  static constexpr int64_t kTask = 16384;

  static int64_t size_of(const Spec& spec) {
    int64_t n = 1;
    for (int i = 0; i < spec.ndim; ++i) n *= spec.shape[i];
    return n;
  }

  void place_in_part(In part, int first) {
    Steps steps;
    for (int i = 0; i < tuples.ndim; ++i) steps.add(tuples.shape[i], part.strides[first + i]);
    int64_t* at = part_at.data();
    parallel_ranges(count, kTask, [&](int64_t begin, int64_t end) {
      steps.walk(begin, end, [at](int64_t j, int64_t offset) { at[j] = offset; });
    });
  }

  void place_in_whole(In whole, In positions, int number, const Ints& axes, bool wrap) {
    const int axis = static_cast<int>(axes.values[number]);
    const int64_t length = whole.shape[axis], stride = whole.strides[axis];
    Steps steps;
    for (int i = 0; i < tuples.ndim; ++i) {
      const int own = i - (tuples.ndim - positions.ndim);
      steps.add(tuples.shape[i], own < 0 || positions.shape[own] == 1 ? 0 : positions.strides[own]);
    }
    const int64_t* data = positions.as<const int64_t>();
    const int64_t lowest = wrap ? -length : 0;
    int64_t* at = whole_at.data();
    parallel_ranges(count, kTask, [&](int64_t begin, int64_t end) {
      steps.walk(begin, end, [=](int64_t j, int64_t offset) {
        const int64_t position = data[offset];
        if (position < lowest || position >= length) throw outside(position, axis, length, lowest);
        const int64_t distance = (position < 0 ? position + length : position) * stride;
        at[j] = number == 0 ? distance : at[j] + distance;
      });
    });
  }

  // The axes that are not indexed, merged where both arrays allow; the innermost becomes the run.
  void merge_rest(In whole, const Ints& axes, In part, int first) {
    int own = 0;  // the axis of part
    for (int axis = 0; axis < whole.ndim; ++axis) {
      if (own == first) own += tuples.ndim;
      if (std::find(axes.values, axes.values + axes.count, axis) != axes.values + axes.count) continue;
      append(whole.shape[axis], whole.strides[axis], part.strides[own++]);
    }
    if (whole_runs.ndim == 0) return;
    const int last = --whole_runs.ndim;
    --part_runs.ndim;
    run = whole_runs.shape[last];
    whole_step = whole_runs.strides[last];
    part_step = part_runs.strides[last];
  }

  void append(int64_t length, int64_t whole_stride, int64_t part_stride) {
    if (length == 1) return;
    const int last = whole_runs.ndim - 1;
    if (last >= 0 && whole_runs.strides[last] == whole_stride * length &&
        part_runs.strides[last] == part_stride * length) {
      whole_runs.shape[last] = part_runs.shape[last] = whole_runs.shape[last] * length;
      whole_runs.strides[last] = whole_stride;
      part_runs.strides[last] = part_stride;
    } else {
      whole_runs.add(length, whole_stride);
      part_runs.add(length, part_stride);
    }
  }

 public:
  static IndexError outside(int64_t position, int axis, int64_t length, int64_t lowest) {
    std::string text = "position " + std::to_string(position) + " is outside of axis " + std::to_string(axis) +
                       ", which has length " + std::to_string(length);
    if (length > 0) text += ": " + std::to_string(lowest) + " to " + std::to_string(length - 1) + " are inside";
    return IndexError(text);
  }
};

}  // namespace pe::cpu
