// Images a[n, c, rows, columns] in a kernel, and their pixels, of which a thread makes one.
#pragma once

#include <cstdint>

#include "cuda/divider.h"

namespace pe {

// An array of four axes, with strides in elements.
template <class T>
struct Images {
  T* data;
  int64_t strides[4];

  explicit Images(const Array& a) : data(a.as<T>()), strides{a.strides[0], a.strides[1], a.strides[2], a.strides[3]} {}

  __device__ T* plane(int64_t image, int64_t channel) const { return data + image * strides[0] + channel * strides[1]; }
  __device__ T& at(int64_t image, int64_t channel, int64_t row, int64_t column) const {
    return plane(image, channel)[row * strides[2] + column * strides[3]];
  }
};

struct Pixel {
  int64_t image, channel, row, column;
};

// The pixels of images of one shape in row-major order, so that neighbouring threads get neighbouring columns.
class Pixels {
 public:
  Pixels(int64_t images, int64_t channels, int64_t rows, int64_t columns)
      : count(images * channels * rows * columns), channels_(channels), rows_(rows), columns_(columns) {
    narrow_ = count > 0 && count <= INT32_MAX;
    by_channels_ = Divider(narrow_ ? channels : 1);
    by_rows_ = Divider(narrow_ ? rows : 1);
    by_columns_ = Divider(narrow_ ? columns : 1);
  }
  explicit Pixels(const Array& a) : Pixels(a.shape[0], a.shape[1], a.shape[2], a.shape[3]) {}

  __device__ Pixel operator[](int64_t i) const {
    if (!narrow_) {
      const int64_t row = i / columns_, plane = row / rows_;
      return {plane / channels_, plane % channels_, row % rows_, i % columns_};
    }
    const auto at = static_cast<uint32_t>(i);
    const uint32_t row = by_columns_(at), plane = by_rows_(row), image = by_channels_(plane);
    return {image, plane - image * by_channels_.divisor(), row - plane * by_rows_.divisor(),
            at - row * by_columns_.divisor()};
  }

  int64_t count;

 private:
  int64_t channels_, rows_, columns_;
  bool narrow_;
  Divider by_channels_, by_rows_, by_columns_;
};

}  // namespace pe
