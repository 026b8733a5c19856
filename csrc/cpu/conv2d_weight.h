// The gradient of the weights: dw[o, c, tap] = Σ over images and pixels of grad[o, pixel] · in[c, stride · pixel +
// tap].
//
// The same tile as in the forward pass, with pixels in the place of steps: a band of the image is copied in the same
// way, the gradient is turned over to panels [pixel][channels], and each tile holds MR pairs (c, tap) of a panel of
// output channels in registers while it walks over a block of pixels. Partial sums of fixed groups of images are added
// up in order, so that the bits do not depend on the threads.
#pragma once

#include <algorithm>

#include "core/memory.h"
#include "core/parallel.h"
#include "cpu/conv2d_image.h"
#include "cpu/conv2d_tile.h"
#include "cpu/conv2d_weight_dots.h"
#include "cpu/matmul_pack.h"

namespace pe::conv {

inline constexpr int64_t kWeightPixels = 256;  // of a block: a panel of the gradient's pixels is 16 KiB
inline constexpr int64_t kWeightPanels = 4;    // in a task: a copied band serves so many

template <class T>
class WeightSummer {
 public:
  explicit WeightSummer(const WeightGradient<T>& gradient)
      : x_(gradient),
        band_(x_.grad.size, x_.taps, x_.tap_count, x_.step,
              even_band_rows(x_.grad.size, x_.taps, x_.tap_count, x_.step, x_.in_channels, sizeof(T)), sizeof(T)),
        panels_(ceil_div(x_.out_channels, kPanel<T>)),
        depth_(x_.depth()),
        parts_(ceil_div(panels_, kWeightPanels)),
        chunks_(std::max<int64_t>(1, std::min(x_.images, kTasks / (parts_ * x_.groups)))),
        offsets_(depth_),
        pixels_(band_.rows * x_.grad.size.w),
        sums_(chunks_ * x_.groups * panels_ * panel_size()) {}

  void run() {
    if (x_.images * x_.grad.size.area() == 0)
      std::fill(sums_.data(), sums_.data() + x_.groups * panels_ * panel_size(), T{});
    step_offsets(x_, band_, offsets_.data());
    pixel_offsets(band_, x_.grad.size.w, pixels_.data());
    parallel_for(chunks_ * x_.groups * parts_, [&](int64_t task) {
      const int64_t part = task % parts_, group = task / parts_ % x_.groups, chunk = task / parts_ / x_.groups;
      sum_chunk(chunk, group, panels_ * part / parts_, panels_ * (part + 1) / parts_);
    });
    parallel_for(x_.groups * panels_, [&](int64_t i) { put_panel(i / panels_, i % panels_); });
  }

 private:
  int64_t panel_size() const { return depth_ * kPanel<T>; }
  T* panel_of(int64_t chunk, int64_t group, int64_t panel) {
    return sums_.data() + ((chunk * x_.groups + group) * panels_ + panel) * panel_size();
  }

  void sum_chunk(int64_t chunk, int64_t group, int64_t panel, int64_t panel_end) {
    Scratch<T> copy(x_.in_channels * band_.plane), turned(kWeightPixels * kPanel<T> + kLanes<T>);
    const int64_t bands = ceil_div(x_.grad.size.h, band_.rows), tiles = ceil_div(depth_, MR) * (panel_end - panel);
    const int64_t begin = x_.images * chunk / chunks_ * bands, end = x_.images * (chunk + 1) / chunks_ * bands;
    const auto image = [&](int64_t i) {
      return x_.in.data + i / bands * x_.in.image + group * x_.in_channels * x_.in.channel;
    };
    for (int64_t i = begin; i < end; ++i) {
      const int64_t y = i % bands * band_.rows, rows = std::min(band_.rows, x_.grad.size.h - y);
      const int64_t pixels = rows * x_.grad.size.w, next = std::min(i + 1, end - 1);
      copy_band(x_.in, image(i), x_.in_channels, band_, y, rows, copy.data());
      Ahead<T> ahead(x_.in, image(next), x_.in_channels, band_, next % bands * band_.rows, next > i ? band_.rows : 0,
                     tiles * ceil_div(pixels, kWeightPixels));
      for (int64_t p = 0; p < pixels; p += kWeightPixels) {
        const int64_t count = std::min(kWeightPixels, pixels - p);
        for (int64_t q = panel; q < panel_end; ++q) {
          turn(i / bands, group, q, y, p, count, turned.data());
          add_block(copy.data(), turned.data(), p, count, i > begin || p > 0, panel_of(chunk, group, q), ahead);
        }
      }
    }
  }

  // turned[i][j] = the gradient of pixel p + i of the band in channel j of the panel.
  void turn(int64_t image, int64_t group, int64_t panel, int64_t y, int64_t p, int64_t count, T* turned) {
    const int64_t first = panel * kPanel<T>, channels = std::min(kPanel<T>, x_.out_channels - first);
    const Images<T>& g = x_.grad;
    const T* data = g.data + image * g.image + (group * x_.out_channels + first) * g.channel + y * g.stride.h;
    constexpr int W = static_cast<int>(kPanel<T>);
    if (g.stride.h == g.size.w * g.stride.w)
      return gemm::pack_panel<T, W>(data + p * g.stride.w, g.channel, g.stride.w, channels, count, turned);
    for (int64_t end = p + count; p < end;) {
      const int64_t row = p / g.size.w, column = p % g.size.w, run = std::min(g.size.w - column, end - p);
      gemm::pack_panel<T, W>(data + row * g.stride.h + column * g.stride.w, g.channel, g.stride.w, channels, run,
                             turned);
      p += run;
      turned += run * kPanel<T>;
    }
  }

  void add_block(const T* copy, const T* turned, int64_t p, int64_t count, bool accumulate, T* panel, Ahead<T>& ahead) {
    for_each_tile(depth_, [&](int64_t begin, int M) {
      ahead.fetch();
      const T* rows_of[MR];
      for (int i = 0; i < M; ++i) rows_of[i] = copy + offsets_[begin + i];
      kChannelTiles<T>[static_cast<size_t>(M)](count, turned, pixels_.data() + p, rows_of, panel + begin* kPanel<T>,
                                               accumulate);
    });
  }

  // The sums of all chunks, in order, and to where they belong.
  void put_panel(int64_t group, int64_t panel) {
    T* total = panel_of(0, group, panel);
    for (int64_t chunk = 1; chunk < chunks_; ++chunk) {
      const T* part = panel_of(chunk, group, panel);
      for (int64_t i = 0; i < panel_size(); i += kLanes<T>) store(total + i, load(total + i) + load(part + i));
    }
    const int64_t first = panel * kPanel<T>, channels = std::min(kPanel<T>, x_.out_channels - first);
    T* out = x_.dw + (group * x_.out_channels + first) * x_.out_weight;
    for (int64_t o = 0; o < channels; ++o, out += x_.out_weight)
      for (int64_t c = 0, s = 0; c < x_.in_channels; ++c)
        for (int64_t t = 0; t < x_.tap_count; ++t, ++s)
          out[c * x_.in_weight + x_.taps[t].weight] = total[s * kPanel<T> + o];
  }

  const WeightGradient<T>& x_;
  const Band band_;
  const int64_t panels_, depth_, parts_, chunks_;
  Scratch<int64_t> offsets_, pixels_;
  Scratch<T> sums_;
};

template <class T>
void sum_weights(const WeightGradient<T>& x) {
  if (x.groups * x.out_channels * x.depth() == 0) return;
  if (2 * x.out_channels <= kPanel<T>)
    WeightDots<T>(x).run();
  else
    WeightSummer<T>(x).run();
}

}  // namespace pe::conv
