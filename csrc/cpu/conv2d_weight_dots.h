// The gradient of the weights where a group has few results, as in a depthwise convolution.
//
// A panel of channels (conv2d_weight.h) would be mostly empty there. Here a vector holds neighbouring pixels: a tile of
// up to kDots pairs (c, tap) multiplies one vector of the gradient with as many vectors of the copied band, and sums
// over a whole plane; the lanes are added up at the very end. Each task has some groups and a fixed range of the
// images.
#pragma once

#include <algorithm>
#include <array>
#include <utility>

#include "core/memory.h"
#include "core/parallel.h"
#include "cpu/conv2d_geometry.h"
#include "cpu/conv2d_image.h"

namespace pe::conv {

inline constexpr int kDots = 9;            // a kernel of 3 × 3
inline constexpr int64_t kDotsGroups = 8;  // in a task: their planes are neighbours in memory

// A gradient's rows, each filled up with zeros to whole vectors, and the rows of the copied band.
template <class T>
struct Planes {
  int64_t rows, width;  // of results
  const T* grad;
  int64_t grad_row;  // a multiple of the lanes
  const T* in;
  int64_t in_row;
};

// sums[i][…] += Σ over pixels of grad · in[pixel + offsets[i]], lane by lane.
template <class T, int M>
void dots(const Planes<T>& p, const int64_t* offsets, T* sums) {
  constexpr int64_t L = kLanes<T>;
  const T* in[M];
  Vec<T> sum[M];
#pragma GCC unroll 16
  for (int i = 0; i < M; ++i) {
    in[i] = p.in + offsets[i];
    sum[i] = load(sums + i * L);
  }
  Vec<T> lane;
  for (int l = 0; l < L; ++l) lane[l] = static_cast<T>(l);
  const int64_t whole = p.width / L * L;
  const auto rest = lane < splat(static_cast<T>(p.width - whole));
  for (int64_t y = 0; y < p.rows; ++y) {
    const T* grad = p.grad + y * p.grad_row;
    const int64_t row = y * p.in_row;
    for (int64_t x = 0; x < whole; x += L) {
      const Vec<T> g = load(grad + x);
#pragma GCC unroll 16
      for (int i = 0; i < M; ++i) sum[i] += g * load(in[i] + row + x);
    }
    if (whole == p.width) continue;
    const Vec<T> g = load(grad + whole);
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i)  // what lies behind a row may be infinite
      sum[i] += g * (rest ? load(in[i] + row + whole) : Vec<T>{});
  }
#pragma GCC unroll 16
  for (int i = 0; i < M; ++i) store(sums + i * L, sum[i]);
}

template <class T, int... Ms>
constexpr auto dot_tiles(std::integer_sequence<int, Ms...>) {
  using Tile = void (*)(const Planes<T>&, const int64_t*, T*);
  return std::array<Tile, kDots + 1>{nullptr, &dots<T, Ms + 1>...};
}

template <class T>
[[gnu::visibility("hidden")]] inline constexpr auto kDotTiles = dot_tiles<T>(std::make_integer_sequence<int, kDots>{});

template <class T>
class WeightDots {
 public:
  explicit WeightDots(const WeightGradient<T>& gradient)
      : x_(gradient),
        band_(x_.grad.size, x_.taps, x_.tap_count, x_.step,
              even_band_rows(x_.grad.size, x_.taps, x_.tap_count, x_.step, x_.in_channels, sizeof(T)), sizeof(T)),
        depth_(x_.depth()),
        width_(ceil_div(x_.grad.size.w, kLanes<T>) * kLanes<T>),
        parts_(ceil_div(x_.groups, kDotsGroups)),
        chunks_(std::max<int64_t>(1, std::min(x_.images, kTasks / parts_))),
        offsets_(depth_),
        sums_(chunks_ * size()) {}

  void run() {
    step_offsets(x_, band_, offsets_.data());
    std::fill(sums_.data(), sums_.data() + chunks_ * size(), T{});
    parallel_for(chunks_ * parts_, [&](int64_t task) { sum_part(task % parts_, task / parts_); });
    put();
  }

 private:
  int64_t size() const { return x_.groups * x_.out_channels * depth_ * kLanes<T>; }

  void sum_part(int64_t part, int64_t chunk) {
    // Behind the band as much as the last vector of its last row may read.
    Scratch<T> copy(x_.in_channels * band_.plane + kLanes<T>), grad(band_.rows * width_);
    std::fill_n(copy.data() + x_.in_channels * band_.plane, kLanes<T>, T{});
    for (int64_t n = x_.images * chunk / chunks_; n < x_.images * (chunk + 1) / chunks_; ++n)
      for (int64_t g = part * kDotsGroups; g < std::min(x_.groups, (part + 1) * kDotsGroups); ++g)
        for (int64_t y = 0; y < x_.grad.size.h; y += band_.rows) {
          const int64_t rows = std::min(band_.rows, x_.grad.size.h - y);
          copy_band(x_.in, x_.in.data + n * x_.in.image + g * x_.in_channels * x_.in.channel, x_.in_channels, band_, y,
                    rows, copy.data());
          for (int64_t o = g * x_.out_channels; o < (g + 1) * x_.out_channels; ++o) {
            const T* from = x_.grad.data + n * x_.grad.image + o * x_.grad.channel + y * x_.grad.stride.h;
            for (int64_t r = 0; r < rows; ++r) {
              T* row = grad.data() + r * width_;
              copy_strided(from + r * x_.grad.stride.h, x_.grad.stride.w, row, x_.grad.size.w);
              std::fill(row + x_.grad.size.w, row + width_, T{});
            }
            add({rows, x_.grad.size.w, grad.data(), width_, copy.data(), band_.row_step()},
                sums_.data() + chunk * size() + o * depth_ * kLanes<T>);
          }
        }
  }

  void add(const Planes<T>& planes, T* sums) const {
    for (int64_t s = 0; s < depth_; s += kDots) {
      const int64_t M = std::min<int64_t>(kDots, depth_ - s);
      kDotTiles<T>[static_cast<size_t>(M)](planes, offsets_.data() + s, sums + s* kLanes<T>);
    }
  }

  void put() {
    const int64_t L = kLanes<T>;
    for (int64_t o = 0, at = 0; o < x_.groups * x_.out_channels; ++o)
      for (int64_t c = 0; c < x_.in_channels; ++c)
        for (int64_t t = 0; t < x_.tap_count; ++t, at += L) {
          Vec<T> sum = load(sums_.data() + at);
          for (int64_t chunk = 1; chunk < chunks_; ++chunk) sum += load(sums_.data() + chunk * size() + at);
          x_.dw[o * x_.out_weight + c * x_.in_weight + x_.taps[t].weight] = sum_lanes<T>(sum);
        }
  }

  const WeightGradient<T>& x_;
  const Band band_;
  const int64_t depth_, width_, parts_, chunks_;
  Scratch<int64_t> offsets_;
  Scratch<T> sums_;
};

}  // namespace pe::conv
