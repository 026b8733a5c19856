// What all paths of a convolution agree on: where taps, pixels and channels lie. No arithmetic on data.
//
// The forward pass and the gradient of the input are the same computation, a correlation: each result is a sum over
// input channels and taps of a weight times the input pixel that lies `tap` away from the result's place. Only where
// the taps lie, and which weight belongs to which, differs (correlations in conv2d.cpp).
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/array.h"

namespace pe::conv {

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

struct Pair {
  int64_t h, w;  // along the height and the width

  int64_t area() const { return h * w; }
};

inline Pair pair_of(const Ints& ints) { return {ints.values[0], ints.values[ints.count - 1]}; }

// Images in memory; strides in elements.
template <class T>
struct Images {
  T* data;
  int64_t image, channel;
  Pair stride, size;

  explicit Images(const Array& a)
      : data(a.as<T>()),
        image(a.strides[0]),
        channel(a.strides[1]),
        stride{a.strides[2], a.strides[3]},
        size{a.shape[2], a.shape[3]} {}
};

// A place of the kernel: how far its input pixel is from stride · the result's place, and where its weight is.
struct Tap {
  Pair at;  // negative above and left of the image: there are zeros
  int64_t weight;
};

// out[n, o, y, x] = act(bias[o] + Σ over c and taps of w[o·out_weight + c·in_weight + tap.weight] ·
// in[n, c, y·step.h + tap.at.h, x·step.w + tap.at.w]), in each group, whose weights are group_weight apart.
template <class T>
struct Correlation {
  int64_t images, groups, in_channels, out_channels;  // channels of one group
  Images<T> in, out;
  Pair step;
  const Tap* taps;
  int64_t tap_count;
  const T* weight;
  int64_t group_weight, out_weight, in_weight;
  const T* bias;  // nullptr: none
  int64_t bias_stride;
  bool relu;

  int64_t depth() const { return in_channels * tap_count; }
  int64_t flops() const { return 2 * images * groups * out_channels * depth() * out.size.area(); }
};

// dw[o, c, tap] = Σ over images and pixels of grad[n, o, y, x] · in[n, c, y·step.h + tap.at.h, …], in each group.
template <class T>
struct WeightGradient {
  int64_t images, groups, in_channels, out_channels;  // channels of one group
  Images<T> in, grad;
  Pair step;
  const Tap* taps;  // with places in dw
  int64_t tap_count;
  T* dw;
  int64_t out_weight, in_weight;

  int64_t depth() const { return in_channels * tap_count; }
};

// How the copy of an image lies in memory: see conv2d_image.h.
struct Band {
  int64_t rows;         // of results, at most
  Pair first;           // the place of the copy's first element in the image, for result row 0
  int64_t step;         // rows of the image between neighbouring rows of results
  int64_t phases;       // pixels of the image between neighbouring results of a row
  int64_t phase_width;  // elements in a row for each phase
  int64_t height;       // rows of a full copy
  int64_t plane;        // elements of a channel

  Band(Pair result, const Tap* taps, int64_t count, Pair steps, int64_t result_rows, int64_t item)
      : rows(result_rows), first{0, 0}, step(steps.h), phases(steps.w) {
    Pair last{0, 0};
    if (count > 0) first = last = taps[0].at;
    for (int64_t t = 1; t < count; ++t) {
      first = {std::min(first.h, taps[t].at.h), std::min(first.w, taps[t].at.w)};
      last = {std::max(last.h, taps[t].at.h), std::max(last.w, taps[t].at.w)};
    }
    reach_ = last.h - first.h;
    phase_width = ceil_div((std::max<int64_t>(result.w, 1) - 1) * phases + last.w - first.w + 1, phases);
    height = height_of(rows);
    // An odd number of cache lines, so that neighbouring channels do not compete for the same places of a cache.
    const int64_t line = 64 / item;
    plane = (ceil_div(height * pitch() + line, line) | 1) * line;
  }

  int64_t pitch() const { return phases * phase_width; }
  int64_t row_step() const { return step * pitch(); }
  int64_t height_of(int64_t result_rows) const { return result_rows <= 0 ? 0 : (result_rows - 1) * step + reach_ + 1; }
  // From a result's element to that of a tap.
  int64_t offset(const Tap& tap) const {
    const int64_t x = tap.at.w - first.w;
    return (tap.at.h - first.h) * pitch() + x % phases * phase_width + x / phases;
  }

 private:
  int64_t reach_;
};

inline constexpr int64_t kTaskFlops = 1 << 20;    // about 10 µs of work: what a task must hold to be worth handing over
inline constexpr int64_t kTasks = 16;             // so many are wanted, where there is work for them
inline constexpr int64_t kBandBytes = 320 << 10;  // of a copied band: it stays in an L2 cache of 512 KiB

inline constexpr int64_t kPixelBandBytes = 128 << 10;  // where a row is needed once: no larger than lets it flow

// The rows of results in a band, so that bands are even and their copies small enough.
inline int64_t even_band_rows(Pair result, const Tap* taps, int64_t count, Pair step, int64_t channels, int64_t item) {
  const Band one(result, taps, count, step, 1, item), two(result, taps, count, step, 2, item);
  const int64_t bytes = std::max<int64_t>(1, channels) * item;
  const int64_t most_bytes = count == 1 ? kPixelBandBytes : kBandBytes;
  const int64_t more = std::max<int64_t>(1, (two.plane - one.plane) * bytes);
  const int64_t most = 1 + std::max<int64_t>(0, most_bytes - one.plane * bytes) / more;
  return std::max<int64_t>(1, ceil_div(result.h, ceil_div(std::max<int64_t>(result.h, 1), most)));
}

// By channel and tap, how far from a result's element in the copy its step is.
template <class X>
void step_offsets(const X& x, const Band& band, int64_t* offsets) {
  for (int64_t c = 0; c < x.in_channels; ++c)
    for (int64_t t = 0; t < x.tap_count; ++t) *offsets++ = c * band.plane + band.offset(x.taps[t]);
}

// Where the results of a band, row by row, begin in the copy.
inline void pixel_offsets(const Band& band, int64_t width, int64_t* offsets) {
  for (int64_t y = 0; y < band.rows; ++y)
    for (int64_t i = 0; i < width; ++i) *offsets++ = y * band.row_step() + i;
}

}  // namespace pe::conv
