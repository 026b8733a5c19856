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

// Zeros from `to` on, at least n of them, at most L - 1 more. Nearly always one vector is enough; of a plain loop
// compilers make a call of memset, which takes longer than the row.
template <class T>
inline void put_zeros(T* to, int64_t n) {
  constexpr int64_t L = kLanes<T>;
  if (n <= 0) return;
  store(to, Vec<T>{});
  for (int64_t i = L; i < n; i += L) store(to + i, Vec<T>{});
}

// `rows` rows of which elements [begin, end) come from the image and the others are 0. What the zeros spill is written
// again by the next row; behind the last one a plane has room.
template <class T>
[[gnu::noinline]] void copy_rows(const T* from, int64_t from_row, int64_t rows, T* to, int64_t pitch, int64_t begin,
                                 int64_t end) {
  constexpr int64_t L = kLanes<T>;
  if (begin == 0 && end == pitch && from_row == pitch) return copy_run(from, to, rows * pitch);
  const int64_t n = end - begin;
  if (n < L || begin > L || pitch - end > L) {
    for (int64_t i = 0; i < rows; ++i, from += from_row, to += pitch) {
      put_zeros(to, begin);
      copy_run(from, to + begin, n);
      put_zeros(to + end, pitch - end);
    }
    return;
  }
  // The same for rows that fill a vector, between zeros that do not.
  to += begin;
  for (int64_t i = 0; i < rows; ++i, from += from_row, to += pitch) {
    store(to - begin, Vec<T>{});
    store(to + n, Vec<T>{});
    for (int64_t x = 0; x < n - L; x += L) store(to + x, load(from + x));
    store(to + n - L, load(from + n - L));
  }
}

// What the results of rows [y, y + rows) need of `channels` channels of the image at `data`.
template <class T>
void copy_band(const Images<T>& in, const T* data, int64_t channels, const Band& band, int64_t y, int64_t rows, T* to) {
  const int64_t pitch = band.pitch(), first = band.first.h + y * band.step, height = band.height_of(rows);
  const int64_t top = std::clamp<int64_t>(-first, 0, height), bottom = std::clamp(in.size.h - first, top, height);
  for (int64_t phase = 0; phase < band.phases; ++phase) {
    // Element i of a row is the image's column left + i · phases, which is there for i from `begin` to `end`.
    const int64_t left = band.first.w + phase, width = band.phase_width;
    const int64_t begin = std::clamp<int64_t>(left < 0 ? ceil_div(-left, band.phases) : 0, 0, width);
    const int64_t end =
        std::clamp<int64_t>(in.size.w <= left ? 0 : ceil_div(in.size.w - left, band.phases), begin, width);
    const int64_t distance = band.phases * in.stride.w;
    const T* from = data + (first + top) * in.stride.h + (left + begin * band.phases) * in.stride.w;
    for (int64_t c = 0; c < channels; ++c, from += in.channel) {
      T* plane = to + c * band.plane + phase * width;
      if (distance == 1) {
        put_zeros(plane, top * pitch);
        copy_rows(from, in.stride.h, bottom - top, plane + top * pitch, pitch, begin, end);
        put_zeros(plane + bottom * pitch, (height - bottom) * pitch);
        continue;
      }
      for (int64_t i = 0; i < height; ++i) {
        T* row = plane + i * pitch;
        const int64_t there = i >= top && i < bottom ? end : begin;
        std::fill(row, row + begin, T{});
        copy_strided(from + (i - top) * in.stride.h, distance, row + begin, there - begin);
        std::fill(row + there, row + width, T{});
      }
    }
  }
}

// Fetches the rows of the band that is copied next, a few cache lines with each tile of the one before: the tiles leave
// memory idle, and the copy then finds its lines in L2. Only for rows without gaps; others are copied slowly in any
// case.
template <class T>
class Ahead {
 public:
  Ahead() = default;
  // In `calls` calls of fetch(). There may be no such band: rows <= 0.
  Ahead(const Images<T>& in, const T* data, int64_t channels, const Band& band, int64_t y, int64_t rows,
        int64_t calls) {
    const int64_t first = std::max<int64_t>(0, band.first.h + y * band.step);
    const int64_t end = std::min(in.size.h, band.first.h + y * band.step + band.height_of(rows));
    if (rows <= 0 || first >= end || in.stride.w != 1 || in.stride.h != in.size.w) return;
    at_ = reinterpret_cast<const char*>(data + first * in.stride.h);
    length_ = (end - first) * in.stride.h * static_cast<int64_t>(sizeof(T));
    step_ = in.channel * static_cast<int64_t>(sizeof(T));
    channels_ = channels;
    lines_ = channels * ceil_div(length_, kLine) / std::max<int64_t>(calls, 1) + 1;
  }

  void fetch() {
    for (int64_t i = 0; i < lines_ && channels_ > 0; ++i) {
      __builtin_prefetch(at_ + offset_, 0, 2);
      offset_ += kLine;
      if (offset_ < length_) continue;
      offset_ = 0;
      at_ += step_;
      --channels_;
    }
  }

 private:
  static constexpr int64_t kLine = 64;
  const char* at_ = nullptr;
  int64_t offset_ = 0, length_ = 0, step_ = 0, channels_ = 0, lines_ = 0;
};

}  // namespace pe::conv
