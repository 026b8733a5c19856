// One walk over all parameters of a model, for the kernels that update every element by itself.
//
// All arrays of a list form one long sequence that is cut into blocks of equal length: a network of many small tensors
// costs one parallel region, and one large tensor does not leave threads idle. The borders depend on the sizes only, so
// what is summed block by block has the same bits for every number of threads.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <utility>

#include "core/memory.h"
#include "core/parallel.h"
#include "cpu/rows.h"

namespace pe {

inline constexpr int64_t kParamBlock = 16384;  // elements of a block

// n elements of one parameter and of the arrays that belong to it: gradient, state.
template <class T, int kN>
struct Segment {
  using Element = T;
  T* data[kN];
  int64_t strides[kN];
  int64_t n;

  bool dense() const {
    bool all = true;
    for (int64_t stride : strides) all &= stride == 1;
    return all;
  }
};

// The first arrays of kN lists that have the same length.
template <int kN>
using Lists = std::array<const Array*, kN>;

namespace detail {

// Elements [begin, end), in row-major order, of arrays of one shape. Where each lies in one block they are one row.
template <class T, int kN, class Body, size_t... I>
void for_each_segment(const Lists<kN>& arrays, int64_t begin, int64_t end, const Body& body,
                      std::index_sequence<I...>) {
  const bool flat = (is_contiguous(*arrays[I]) && ...);
  const auto rows_of = [flat](Array a) {
    if (flat) {
      a.shape[0] = a.size();
      a.strides[0] = 1;
      a.ndim = 1;
    }
    return Rows<T>(a);
  };
  const Rows<T> rows[] = {rows_of(*arrays[I])...};
  const int64_t length = rows[0].length;
  while (begin < end) {
    const int64_t row = begin / length, column = begin % length, n = std::min(end - begin, length - column);
    body(Segment<T, kN>{{rows[I][row] + column * rows[I].stride...}, {rows[I].stride...}, n});
    begin += n;
  }
}

template <class Update, class T, int kN, size_t... I>
void update_segment(const Segment<T, kN>& s, const Update& update, std::index_sequence<I...>) {
  constexpr int W = kLanes<T>;
  int64_t i = 0;
  if (s.dense()) {
    for (; i + W <= s.n; i += W) {
      Vec<T> v[] = {load(s.data[I] + i)...};
      update(v);
      ((Update::kWrites >> I & 1 ? store(s.data[I] + i, v[I]) : void()), ...);
    }
  }
  for (; i < s.n; ++i) {
    T v[] = {s.data[I][i * s.strides[I]]...};
    update(v);
    ((Update::kWrites >> I & 1 ? void(s.data[I][i * s.strides[I]] = v[I]) : void()), ...);
  }
}

}  // namespace detail

// body(block, i, segment) for all segments of arrays i = 0 … count - 1 of the lists, each float32 or float64; those of
// a block in order and by one thread.
template <int kN, class Body>
void walk_params(int64_t count, const Lists<kN>& lists, const Body& body) {
  if (count == 0) return;
  Scratch<int64_t> starts(count + 1);  // array i holds elements starts[i] … starts[i + 1] - 1 of the sequence
  starts[0] = 0;
  for (int64_t i = 0; i < count; ++i) starts[i + 1] = starts[i] + lists[0][i].size();
  parallel_ranges(starts[count], kParamBlock, [&](int64_t begin, int64_t end) {
    const int64_t block = begin / kParamBlock;
    int64_t i = std::upper_bound(starts.data(), starts.data() + count + 1, begin) - starts.data() - 1;
    for (; begin < end; ++i) {
      const int64_t stop = std::min(end, starts[i + 1]);
      Lists<kN> arrays;
      for (int list = 0; list < kN; ++list) arrays[list] = lists[list] + i;
      const auto one = [&](const auto& segment) { body(block, i, segment); };
      const int64_t first = begin - starts[i], last = stop - starts[i];
      if (lists[0][i].dtype == DType::f32) {
        detail::for_each_segment<float, kN>(arrays, first, last, one, std::make_index_sequence<kN>{});
      } else {
        detail::for_each_segment<double, kN>(arrays, first, last, one, std::make_index_sequence<kN>{});
      }
      begin = stop;
    }
  });
}

// update(v) on every element: v[j] is that of list j, as a vector or a scalar. Those named by the bits of
// Update::kWrites are written back.
template <class Update, class T, int kN>
void update_segment(const Segment<T, kN>& segment, const Update& update) {
  detail::update_segment(segment, update, std::make_index_sequence<kN>{});
}

// Element i of a float32 or float64 array of at most one axis.
inline double value_of(In a, int64_t i = 0) {
  const int64_t offset = a.ndim > 0 ? i * a.strides[0] : 0;
  return a.dtype == DType::f32 ? a.as<float>()[offset] : a.as<double>()[offset];
}

// Counts one step more, in place, and returns the new count.
inline double advance(const Array& step) {
  return step.dtype == DType::f32 ? ++*step.as<float>() : ++*step.as<double>();
}

// Written lane by lane, which the compilers turn into square roots of whole vectors.
template <class V>
inline V square_root(V v) {
  if constexpr (std::is_floating_point_v<V>) {
    return std::sqrt(v);
  } else {
    using T = std::remove_cvref_t<decltype(v[0])>;
    T lanes[sizeof(V) / sizeof(T)];
    std::memcpy(lanes, &v, sizeof(v));
    for (T& lane : lanes) lane = std::sqrt(lane);
    std::memcpy(&v, lanes, sizeof(v));
    return v;
  }
}

}  // namespace pe
