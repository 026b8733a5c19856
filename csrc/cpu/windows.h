// How the pooling kernels walk images: planes of any strides, and rows cut up by the windows' stride.
#pragma once

#include <algorithm>
#include <cstring>

#include "core/array.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "cpu/shuffle.h"
#include "kernels/windows.h"

namespace pe {

// The planes a[n, c, :, :] of images, counted from 0 to n · c - 1.
template <class T>
struct Planes {
  explicit Planes(const Array& a)
      : data(a.as<T>()),
        count(a.shape[0] * a.shape[1]),
        channels(std::max<int64_t>(a.shape[1], 1)),
        rows(a.shape[2]),
        columns(a.shape[3]),
        image_stride(a.strides[0]),
        channel_stride(a.strides[1]),
        row_stride(a.strides[2]),
        stride(a.strides[3]) {
    if (image_stride == channels * channel_stride) channels = std::max<int64_t>(count, 1);  // planes at one distance
  }

  T* operator[](int64_t plane) const {
    if (plane < channels) return data + plane * channel_stride;
    return data + plane / channels * image_stride + plane % channels * channel_stride;
  }
  T* row(int64_t plane, int64_t r) const { return (*this)[plane] + r * row_stride; }

  T* data;
  int64_t count, channels, rows, columns;
  int64_t image_stride, channel_stride, row_stride, stride;
};

// body(plane, first, last) for pieces of `rows` rows of each plane, in tasks of about `elements` elements.
template <class Body>
void parallel_plane_rows(int64_t planes, int64_t rows, int64_t elements_of_row, const Body& body) {
  constexpr int64_t kElements = 16384;
  const int64_t at_once = std::max<int64_t>(1, kElements / std::max<int64_t>(elements_of_row, 1));
  parallel_ranges(planes * rows, at_once, [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t plane = begin / rows, first = begin % rows, last = std::min(rows, first + end - begin);
      body(plane, first, last);
      begin += last - first;
    }
  });
}

// A row of an image whose columns are sorted by their place modulo the windows' stride, with the padding around them:
// elements that neighbouring windows have at the same place then lie side by side, at whatever stride. Rows are long
// enough to be read in whole vectors.
template <class T>
class Phases {
 public:
  explicit Phases(const Windows& w)
      : windows(w),
        count((w.out + kLanes<T> - 1) / kLanes<T> * kLanes<T>),
        length_(count + (w.extent() - 1) / w.stride),
        used_(std::min(w.stride, w.extent())),
        taps_(w.kernel) {
    for (int64_t j = 0; j < w.kernel; ++j) {
      const int64_t at = j * w.dilation;
      taps_[j] = at % w.stride * length_ + at / w.stride;
    }
  }

  int64_t size() const { return used_ * length_; }  // of one such row

  // Where the elements at place j of windows 0, 1, … begin.
  const int64_t* taps() const { return taps_.data(); }

  // Reads a row; what is padding, or behind the last window, becomes `filler`.
  void split(const T* from, int64_t stride, T filler, T* to) const {
    const Part both = stride == 1 ? pairs() : Part{};
    for (int64_t q = both.begin; q < both.end; q += kLanes<T>) {
      const T* p = from + 2 * q - windows.padding;
      const Vec<T> front = load(p), back = load(p + kLanes<T>);
      store(to + q, every_second<T, 0>(front, back));
      store(to + length_ + q, every_second<T, 1>(front, back));
    }
    for_each_phase(to, stride, both, [&](T* phase, const Part& part, int64_t at, int64_t step) {
      if (step == 1) {
        std::memcpy(phase + part.begin, from + at, static_cast<size_t>(part.end - part.begin) * sizeof(T));
      } else {
        for (int64_t q = part.begin; q < part.end; ++q, at += step) phase[q] = from[at];
      }
    });
    for (int64_t phase = 0; phase < used_; ++phase, to += length_) {
      const Part part = inside(phase);
      std::fill(to, to + part.begin, filler);
      std::fill(to + part.end, to + length_, filler);
    }
  }

  // The way back: adds to a row of the image what lies on it.
  void add(const T* from, T* to, int64_t stride) const {
    const Part both = stride == 1 ? pairs() : Part{};
    for (int64_t q = both.begin; q < both.end; q += kLanes<T>) {
      T* p = to + 2 * q - windows.padding;
      const Vec<T> even = load(from + q), odd = load(from + length_ + q), front = load(p), back = load(p + kLanes<T>);
      store_interleaved(p, even, odd);
      store(p, load(p) + front);
      store(p + kLanes<T>, load(p + kLanes<T>) + back);
    }
    for_each_phase(from, stride, both, [&](const T* phase, const Part& part, int64_t at, int64_t step) {
      for (int64_t q = part.begin; q < part.end; ++q, at += step) to[at] += phase[q];
    });
  }

  Windows windows;
  int64_t count;  // windows, up to a whole number of vectors

 private:
  struct Part {
    int64_t begin = 0, end = 0;
  };

  // Which elements of a phase lie on the image.
  Part inside(int64_t phase) const {
    const int64_t before = windows.padding - phase, s = windows.stride;
    const int64_t begin = std::min(length_, before <= 0 ? 0 : (before + s - 1) / s);
    const int64_t behind = windows.in + windows.padding - phase;
    return {begin, std::max(begin, std::min(length_, behind <= 0 ? 0 : (behind + s - 1) / s))};
  }

  // At a stride of 2 whole vectors of both phases, which are made of two vectors of the row.
  Part pairs() const {
    if (windows.stride != 2 || used_ != 2) return {};
    const Part even = inside(0), odd = inside(1);
    const int64_t begin = std::max(even.begin, odd.begin), end = std::min(even.end, odd.end);
    return {begin, begin + std::max<int64_t>(0, end - begin) / kLanes<T> * kLanes<T>};
  }

  // visit(phase, part, at, step) for the elements of each phase that lie on the image, but for those of `done`; the
  // first one stands at `at` of the row, the next `step` further.
  template <class Pointer, class Visit>
  void for_each_phase(Pointer phases, int64_t stride, const Part& done, const Visit& visit) const {
    const int64_t step = windows.stride * stride;
    for (int64_t phase = 0; phase < used_; ++phase, phases += length_) {
      const Part all = inside(phase);
      const auto part = [&](int64_t begin, int64_t end) {
        if (begin < end)
          visit(phases, Part{begin, end}, (begin * windows.stride + phase - windows.padding) * stride, step);
      };
      if (done.begin == done.end) {
        part(all.begin, all.end);
      } else {
        part(all.begin, done.begin);
        part(done.end, all.end);
      }
    }
  }

  int64_t length_;  // of a phase
  int64_t used_;    // phases that any window reaches
  Scratch<int64_t> taps_;
};

}  // namespace pe
