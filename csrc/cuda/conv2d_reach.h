// Which elements of an image a convolution reads, and its gradients: along one axis, and together as places in memory.
#pragma once

#include <cstdint>

#include "cuda/divider.h"

namespace pe::conv {

// An axis of a convolution: `windows` windows over an image's `length` pixels.
struct Axis {
  int length, windows, kernel, stride, padding, dilation;
  int common;  // the greatest common divisor of stride and dilation
};

// What one kind of results along an axis sees: result first + i · step sees input pixels i · stride + start + t · hop
// by taps first_tap + t · tap_step, for 0 <= i < count and 0 <= t < taps.
struct Reach {
  int count, first, step;
  int taps, first_tap, tap_step;
  int stride, start, hop;
};

// What windows see of an image.
__device__ inline Reach forward_reach(const Axis& x) {
  return {x.windows, 0, 1, x.kernel, 0, 1, x.stride, -x.padding, x.dilation};
}

// Pixels of one remainder by the stride see the windows that saw them: pixel r + i · stride was at tap t of window
// (r + i · stride + padding - t · dilation) / stride, where that is a whole number. It is so for every (stride /
// common) th tap, from the first one for which it is; the windows of neighbouring pixels are neighbours.
__device__ inline Reach backward_reach(const Axis& x, int remainder) {
  const int hop = x.stride / x.common;
  const int64_t offset = int64_t{remainder} + x.padding;
  int tap = 0;
  while (tap < hop && (offset - int64_t{tap} * x.dilation) % x.stride != 0) ++tap;
  const int taps = tap == hop || tap >= x.kernel ? 0 : (x.kernel - 1 - tap) / hop + 1;
  const auto start = static_cast<int>((offset - int64_t{tap} * x.dilation) / x.stride);
  return {(x.length - remainder + x.stride - 1) / x.stride,
          remainder,
          x.stride,
          taps,
          tap,
          hop,
          1,
          start,
          -(x.dilation / x.common)};
}

// Where an element lies in memory, and which pixel of an image it belongs to.
struct alignas(16) Place {
  int64_t offset;
  int y, x;
};

inline constexpr int kNowhere = -(1 << 30);  // a row that is outside of every image, whatever is added

// Index i stands at i · stride, in no image.
struct EvenPlaces {
  int64_t stride;
  __device__ Place operator()(uint32_t i) const { return {i * stride, 0, 0}; }
};

// An index of three digits, (image, row, column) or (channel, row, column), each with its stride.
class Digits {
 public:
  Digits() = default;
  __device__ Digits(int rows, int columns, int64_t outer, int64_t row, int64_t column)
      : plane_(rows > 0 && columns > 0 ? int64_t{rows} * columns : 1),
        columns_(columns > 0 ? columns : 1),
        strides_{outer, row, column} {}

  __device__ int64_t operator()(int64_t i) const { return split(static_cast<uint32_t>(i)).offset; }
  // With the row and the column as y and x.
  __device__ Place split(uint32_t i) const {
    const uint32_t outer = plane_(i), in_plane = i - outer * plane_.divisor();
    const uint32_t row = columns_(in_plane), column = in_plane - row * columns_.divisor();
    return {outer * strides_[0] + row * strides_[1] + column * strides_[2], static_cast<int>(row),
            static_cast<int>(column)};
  }

 private:
  Divider plane_, columns_;
  int64_t strides_[3];
};

// The same without a pixel: elements that all exist.
struct DigitPlaces {
  Digits digits;
  __device__ Place operator()(uint32_t i) const { return {digits(i), 0, 0}; }
};

// Results, or taps, as part of a pixel's place in an image: row r stands for the image's row r · y_step + y_start.
struct ImagePlaces {
  Digits digits;
  int y_step, y_start, x_step, x_start;
  __device__ Place operator()(uint32_t i) const {
    const Place at = digits.split(i);
    return {at.offset, at.y * y_step + y_start, at.x * x_step + x_start};
  }
};

// What results see along both axes, and where that lies in an image with strides (image, channel, row, column).
struct Sight {
  Reach rows, columns;

  __device__ int64_t results() const { return int64_t{rows.count} * columns.count; }  // of a channel of an image
  __device__ int64_t taps() const { return int64_t{rows.taps} * columns.taps; }

  // The pixel that tap 0 of a result sees, by (image, row, column), …
  __device__ ImagePlaces result_places(const int64_t* strides) const {
    return {{rows.count, columns.count, strides[0], rows.stride * strides[2], columns.stride * strides[3]},
            rows.stride,
            rows.start,
            columns.stride,
            columns.start};
  }
  // … how far from there it is to the pixel of a tap, by (channel, row, column), …
  __device__ ImagePlaces tap_places(const int64_t* strides) const {
    return {{rows.taps, columns.taps, strides[1], rows.hop * strides[2], columns.hop * strides[3]},
            rows.hop,
            0,
            columns.hop,
            0};
  }
  // … and how far from an image's first pixel to the one that tap 0 of result 0 sees, which may lie outside.
  __device__ int64_t start(const int64_t* strides) const {
    return rows.start * strides[2] + columns.start * strides[3];
  }
};

}  // namespace pe::conv
