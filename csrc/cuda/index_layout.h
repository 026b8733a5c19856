// Where the elements of an advanced index lie: the arithmetic that index, index_put and index_add share. All distances
// are in bytes.
//
// `whole` is the array that is indexed, `part` what is chosen of it (index) or put into it. Tuple j of positions stands
// for a block of `whole`, and for one of `part`: the axes that are not indexed. A kernel checks the positions and
// leaves where both blocks start; the axes of the blocks are merged where both arrays allow it.
#pragma once

#include <algorithm>

#include "cuda/data_error.h"
#include "cuda/scratch.h"
#include "kernels/index.h"

namespace pe::cuda {

inline constexpr int64_t kNowhere = INT64_MIN;  // the place of a position that is outside of its axis

template <bool kWrap>
[[noreturn]] void raise_position(const DataFault& fault) {
  std::string text = "position " + std::to_string(fault.value) + " is outside of axis " + std::to_string(fault.extra) +
                     ", which has length " + std::to_string(fault.limit);
  if (fault.limit > 0)
    text += ": " + std::to_string(kWrap ? -fault.limit : 0) + " to " + std::to_string(fault.limit - 1) + " are inside";
  throw IndexError(text);
}

struct Place {
  int64_t whole, part;
};

// Axes that two arrays share, merged where both allow it.
struct Runs {
  int ndim = 0;
  int64_t count = 1;  // of elements
  int64_t shape[kMaxDims] = {}, whole[kMaxDims] = {}, part[kMaxDims] = {};

  void append(int64_t length, int64_t whole_step, int64_t part_step) {
    count *= length;
    if (length == 1) return;
    const int last = ndim - 1;
    if (last >= 0 && whole[last] == whole_step * length && part[last] == part_step * length) {
      shape[last] *= length;
    } else {
      shape[ndim++] = length;
    }
    whole[ndim - 1] = whole_step;
    part[ndim - 1] = part_step;
  }

  __device__ Place at(int64_t i) const {
    Place place{0, 0};
    for (int axis = ndim - 1; axis >= 0; --axis) {
      const int64_t rest = axis > 0 ? i / shape[axis] : 0, along = i - rest * shape[axis];
      place = {place.whole + along * whole[axis], place.part + along * part[axis]};
      i = rest;
    }
    return place;
  }
};

// The tuples of positions: their common shape, and what each array of positions contributes.
struct Tuples {
  struct Positions {
    const int64_t* data;
    int64_t strides[kMaxDims];  // in elements
    int64_t length, step;       // of the axis of `whole`
    int axis;
  };
  int ndim;
  int arrays;
  bool wrap;
  int64_t count = 1;
  int64_t shape[kMaxDims], part[kMaxDims];
  Positions of[kMaxDims];
};

// whole_at[j], part_at[j] = where the blocks of tuple j start.
static __global__ void __launch_bounds__(kThreads)
    place_tuples(Tuples tuples, int64_t* whole_at, int64_t* part_at, DataErrorRecord* record) {
  for (int64_t j = grid_thread(); j < tuples.count; j += grid_threads()) {
    int64_t offsets[kMaxDims] = {}, part = 0, rest = j, whole = 0;
    for (int axis = tuples.ndim - 1; axis >= 0; --axis) {
      const int64_t along = rest % tuples.shape[axis];
      rest /= tuples.shape[axis];
      part += along * tuples.part[axis];
#pragma unroll
      for (int a = 0; a < kMaxDims; ++a)
        if (a < tuples.arrays) offsets[a] += along * tuples.of[a].strides[axis];
    }
#pragma unroll
    for (int a = 0; a < kMaxDims; ++a) {
      if (a >= tuples.arrays) break;
      const Tuples::Positions& of = tuples.of[a];
      const int64_t position = of.data[offsets[a]], lowest = tuples.wrap ? -of.length : 0;
      if (position < lowest || position >= of.length) {
        report(record, {a * tuples.count + j, position, of.length, of.axis});
        whole = kNowhere;
      } else if (whole != kNowhere) {
        whole += (position < 0 ? position + of.length : position) * of.step;
      }
    }
    whole_at[j] = whole;
    part_at[j] = part;
  }
}

class IndexLayout {
 public:
  // Throws on cudasim for a position that is outside of its axis; a GPU tells later, and such tuples are left out.
  IndexLayout(In whole, InList indices, const Ints& axes, bool wrap, In part)
      : tuples(tuples_of(whole, indices, axes, wrap)), whole_at(tuples.count), part_at(tuples.count) {
    const int first = are_neighbours(axes) ? static_cast<int>(axes.values[0]) : 0;
    const int64_t size = itemsize(part.dtype);
    for (int i = 0; i < tuples.ndim; ++i) tuples.part[i] = part.strides[first + i] * size;
    int own = 0;  // the axis of part
    for (int axis = 0; axis < whole.ndim; ++axis) {
      if (own == first) own += tuples.ndim;
      if (std::find(axes.values, axes.values + axes.count, axis) != axes.values + axes.count) continue;
      runs.append(whole.shape[axis], whole.strides[axis] * size, part.strides[own++] * size);
    }
    DataErrors errors(wrap ? raise_position<true> : raise_position<false>);
    enqueue(place_tuples, blocks_for(tuples.count, kThreads), kThreads)(tuples, whole_at.data(), part_at.data(),
                                                                        errors.record());
    errors.check();
  }

  // Makes the elements of runs as wide as both arrays allow, at most 16 bytes, and returns how wide they are then.
  int64_t widen(In whole, In part) {
    const int64_t size = itemsize(part.dtype);
    const int last = runs.ndim - 1;
    if (last < 0 || runs.whole[last] != size || runs.part[last] != size) return size;
    int64_t all = reinterpret_cast<int64_t>(whole.data) | reinterpret_cast<int64_t>(part.data);
    all |= runs.shape[last] * size;
    for (int i = 0; i < last; ++i) all |= runs.whole[i] | runs.part[i];
    for (int i = 0; i < tuples.ndim; ++i) all |= tuples.part[i];
    for (int a = 0; a < tuples.arrays; ++a) all |= tuples.of[a].step;
    const int64_t width = std::clamp<int64_t>(all & -all, size, 16);  // the largest power of 2 that divides everything
    runs.count /= width / size;
    runs.shape[last] /= width / size;
    runs.whole[last] = runs.part[last] = width;
    return width;
  }

  Tuples tuples;
  Runs runs;
  DeviceScratch<int64_t> whole_at, part_at;

 private:
  static Tuples tuples_of(In whole, InList indices, const Ints& axes, bool wrap) {
    const Spec common = broadcast_indices(indices);
    Tuples tuples{};
    tuples.count = 1;
    tuples.ndim = common.ndim;
    tuples.arrays = axes.count;
    tuples.wrap = wrap;
    for (int i = 0; i < common.ndim; ++i) tuples.count *= tuples.shape[i] = common.shape[i];
    for (int a = 0; a < axes.count; ++a) {
      const Array& positions = indices[static_cast<size_t>(a)];
      Tuples::Positions& of = tuples.of[a];
      of.data = positions.as<const int64_t>();
      of.axis = static_cast<int>(axes.values[a]);
      of.length = whole.shape[of.axis];
      of.step = whole.strides[of.axis] * itemsize(whole.dtype);
      for (int i = 0; i < common.ndim; ++i) {
        const int own = i - (common.ndim - positions.ndim);
        of.strides[i] = own < 0 || positions.shape[own] == 1 ? 0 : positions.strides[own];
      }
    }
    return tuples;
  }
};

}  // namespace pe::cuda
