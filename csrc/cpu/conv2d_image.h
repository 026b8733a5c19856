// A band of an image, copied to where the tiles read it: all channels, the rows that some rows of results need, zeros
// around them.
//
//   image row   a b c d e f          copy, stride 1   0 a b c d e f 0
//   (padding 1)                      copy, stride 2   0 b d f | a c e 0     even places, then odd ones
//
// So the elements that one tap meets in neighbouring results are neighbours for every stride, and from one tap to the
// other it is the same distance everywhere: one table of distances serves any kernel, stride, dilation and padding, and
// the tiles know of none. The copy is made once for many results; it costs a few per cent.
#pragma once

#include <algorithm>
#include <cstring>

#include "core/vec.h"
#include "cpu/conv2d_geometry.h"

namespace pe::conv {

// to[0 … n) = from[0 … n) in vectors, the last of which overlaps its neighbour.
template <class T>
inline void copy_run(const T* from, T* to, int64_t n) {
  constexpr int64_t L = kLanes<T>;
  if (n < L) {
    for (int64_t i = 0; i < n; ++i) to[i] = from[i];
    return;
  }
  for (int64_t i = 0; i < n - L; i += L) store(to + i, load(from + i));
  store(to + n - L, load(from + n - L));
}

// Columns [first, first + phases · width) of a row of `size` pixels, each phase for itself; zeros beside the row.
template <class T>
void copy_row(const T* row, int64_t stride, int64_t size, const Band& band, T* to) {
  for (int64_t phase = 0; phase < band.phases; ++phase, to += band.phase_width) {
    const int64_t first = band.first.w + phase, width = band.phase_width;
    // column(i) = first + i · phases lies in the row for i from `begin` to `end`
    const int64_t begin = std::clamp<int64_t>(first < 0 ? ceil_div(-first, band.phases) : 0, 0, width);
    const int64_t end = std::clamp<int64_t>(size <= first ? 0 : ceil_div(size - first, band.phases), begin, width);
    for (int64_t i = 0; i < begin; ++i) to[i] = T{};
    const int64_t distance = band.phases * stride;
    const T* from = row + (first + begin * band.phases) * stride;
    if (distance == 1) {
      copy_run(from, to + begin, end - begin);
    } else {
      for (int64_t i = begin; i < end; ++i, from += distance) to[i] = *from;
    }
    for (int64_t i = end; i < width; ++i) to[i] = T{};
  }
}

// What the results of rows [y, y + rows) need of `channels` channels of the image at `data`.
template <class T>
void copy_band(const Images<T>& in, const T* data, int64_t channels, const Band& band, int64_t y, int64_t rows, T* to) {
  const int64_t first = band.first.h + y * band.step, height = band.height_of(rows), pitch = band.pitch();
  for (int64_t c = 0; c < channels; ++c) {
    T* row = to + c * band.plane;
    for (int64_t i = 0; i < height; ++i, row += pitch) {
      const int64_t from = first + i;
      if (from < 0 || from >= in.size.h)
        std::memset(row, 0, static_cast<size_t>(pitch) * sizeof(T));
      else
        copy_row(data + c * in.channel + from * in.stride.h, in.stride.w, in.size.w, band, row);
    }
  }
}

}  // namespace pe::conv
