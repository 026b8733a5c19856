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
#include <utility>

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

// to[i] = from[2 · i] for n elements, of which nothing behind the last is read.
template <class T, size_t... I>
inline void copy_every_second(const T* from, T* to, int64_t n, std::index_sequence<I...>) {
  constexpr int64_t L = kLanes<T>;
  int64_t i = 0;
  for (; i + L < n; i += L)
    store(to + i, __builtin_shufflevector(load(from + 2 * i), load(from + 2 * i + L), 2 * I...));
  for (; i < n; ++i) to[i] = from[2 * i];
}

template <class T>
inline void copy_strided(const T* from, int64_t distance, T* to, int64_t n) {
  if (distance == 1) return copy_run(from, to, n);
  if (distance == 2) return copy_every_second(from, to, n, std::make_index_sequence<kLanes<T>>{});
  for (int64_t i = 0; i < n; ++i, from += distance) to[i] = *from;
}

// What the results of rows [y, y + rows) need of `channels` channels of the image at `data`.
template <class T>
void copy_band(const Images<T>& in, const T* data, int64_t channels, const Band& band, int64_t y, int64_t rows, T* to) {
  const int64_t pitch = band.pitch(), first = band.first.h + y * band.step, height = band.height_of(rows);
  const int64_t top = std::clamp<int64_t>(-first, 0, height), bottom = std::clamp(in.size.h - first, top, height);
  for (int64_t phase = 0; phase < band.phases; ++phase, to += band.phase_width) {
    // Element i of a row is the image's column left + i · phases, which is there for i from `begin` to `end`.
    const int64_t left = band.first.w + phase, width = band.phase_width;
    const int64_t begin = std::clamp<int64_t>(left < 0 ? ceil_div(-left, band.phases) : 0, 0, width);
    const int64_t end =
        std::clamp<int64_t>(in.size.w <= left ? 0 : ceil_div(in.size.w - left, band.phases), begin, width);
    const int64_t distance = band.phases * in.stride.w;
    const T* from = data + (first + top) * in.stride.h + (left + begin * band.phases) * in.stride.w;
    const bool whole_rows = begin == 0 && end == pitch && distance == 1 && in.stride.h == pitch;
    for (int64_t c = 0; c < channels; ++c, from += in.channel) {
      T* row = to + c * band.plane;
      const T* source = from;
      for (int64_t i = 0; i < top; ++i, row += pitch) std::fill_n(row, width, T{});
      if (whole_rows) {
        copy_run(source, row, (bottom - top) * pitch);
        row += (bottom - top) * pitch;
      } else {
        for (int64_t i = top; i < bottom; ++i, row += pitch, source += in.stride.h) {
          for (int64_t x = 0; x < begin; ++x) row[x] = T{};
          copy_strided(source, distance, row + begin, end - begin);
          for (int64_t x = end; x < width; ++x) row[x] = T{};
        }
      }
      for (int64_t i = bottom; i < height; ++i, row += pitch) std::fill_n(row, width, T{});
    }
  }
}

}  // namespace pe::conv
