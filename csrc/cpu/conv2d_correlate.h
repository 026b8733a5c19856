// A correlation (conv2d_geometry.h), band by band: the forward pass, and the gradient of the input.
//
// From the outside: tasks are an image, a group of channels, a band of rows and some panels of output channels, side by
// side on the threads. A task copies its band (conv2d_image.h), which then stays in L2, and takes panel by panel:
// blocks of kSteps steps, whose weights stay in L1 while all tiles of the band pass them. Each result is summed in the
// order of the steps, by one thread, however the work is cut.
#pragma once

#include <algorithm>

#include "core/memory.h"
#include "core/parallel.h"
#include "cpu/conv2d_image.h"
#include "cpu/conv2d_pack.h"
#include "cpu/conv2d_slide.h"
#include "cpu/conv2d_store.h"
#include "cpu/conv2d_tile.h"

namespace pe::conv {

inline constexpr int64_t kSteps = 192;        // of a panel of weights in L1: 12 KiB
inline constexpr int64_t kFewSteps = 64;      // after so few, turning sums over costs as much as summing
inline constexpr int64_t kBlockPixels = 192;  // a block of sums in L1, where the weights stay there anyhow
inline constexpr int64_t kMostPixels = 2048;  // a block of sums in L2 otherwise

// How many rows of results a band has.
template <class T>
int64_t band_rows(const Correlation<T>& x) {
  const int64_t most = even_band_rows(x.out.size, x.taps, x.tap_count, x.step, x.in_channels, sizeof(T));
  int64_t bands = ceil_div(x.out.size.h, most);
  // More of them, where else there would be too few tasks.
  const int64_t wanted = std::clamp<int64_t>(x.flops() / kTaskFlops, 1, kTasks);
  const int64_t others = x.images * x.groups * ceil_div(x.out_channels, kPanel<T>);
  bands = std::clamp<int64_t>(ceil_div(wanted, std::max<int64_t>(others, 1)), bands,
                              std::max<int64_t>(bands, x.out.size.h));
  return ceil_div(x.out.size.h, bands);
}

template <class T>
class Correlator {
 public:
  explicit Correlator(const Correlation<T>& correlation)
      : x_(correlation),
        band_(x_.out.size, x_.taps, x_.tap_count, x_.step, band_rows(x_), sizeof(T)),
        wide_(pixels_are_vectors()),
        width_(wide_ ? MR : kPanel<T>),
        panels_(ceil_div(x_.out_channels, width_)),
        depth_(x_.depth()),
        weights_(x_.groups * panels_ * width_ * depth_ + kLanes<T>),
        bias_(panels_ * width_ * x_.groups),
        offsets_(depth_),
        row_vectors_(ceil_div(x_.out.size.w, kLanes<T>)),
        pixels_(band_.rows * (wide_ ? row_vectors_ : x_.out.size.w)),
        places_(wide_ ? band_.rows * row_vectors_ : 0) {}

  void run() {
    prepare();
    const int64_t bands = ceil_div(x_.out.size.h, band_.rows), items = x_.images * x_.groups * bands;
    const int64_t wanted = std::clamp<int64_t>(x_.flops() / kTaskFlops, 1, kTasks);
    const int64_t parts = std::clamp<int64_t>(wanted / items, 1, panels_);
    const int64_t grain = std::max(kTaskFlops / std::max<int64_t>(1, x_.flops() / (items * parts)), items * parts / 32);
    parallel_ranges(items * parts, std::max<int64_t>(1, grain), [&](int64_t begin, int64_t end) {
      Scratch<T> copy(x_.in_channels * band_.plane + kLanes<T>), sums(sums_size());
      for (int64_t i = begin; i < end; ++i) {
        const int64_t part = i % parts, panel = panels_ * part / parts, panel_end = panels_ * (part + 1) / parts;
        const Place next = place(std::min(i + 1, end - 1) / parts, bands);
        const int64_t tiles = (panel_end - panel) * tiles_of_panel();
        Ahead<T> ahead(x_.in, next.data, x_.in_channels, band_, next.y, i + 1 < end && parts == 1 ? next.rows : 0,
                       tiles);
        compute(place(i / parts, bands), panel, panel_end, copy.data(), sums.data(), ahead);
      }
    });
  }

 private:
  // Whether lanes are pixels. That pays where a panel of channels would be emptier, or be stored before it has summed
  // much.
  bool pixels_are_vectors() const {
    constexpr int64_t L = kLanes<T>;
    const int64_t padded = ceil_div(x_.out_channels, kPanel<T>) * kPanel<T>, width = ceil_div(x_.out.size.w, L) * L;
    return 3 * x_.out.size.w * padded > (x_.depth() <= kFewSteps ? 2 : 4) * x_.out_channels * width;
  }

  // Whether the steps are those of slide_columns: a row of three, and two more of them, a row of the copy further each.
  bool slides() const {
    if (!wide_ || !direct() || x_.in_channels * x_.out_channels != 1 || depth_ != 9) return false;
    for (int64_t s = 0; s < depth_; ++s)
      if (offsets_.data()[s] != s / 3 * band_.row_step() + s % 3) return false;
    return true;
  }

  int64_t tiles_of_panel() const {
    if (slides_) return ceil_div(row_vectors_, kSlideVectors);
    return wide_ ? ceil_div(band_.rows * row_vectors_, vectors_of(MR))
                 : ceil_div(band_.rows * x_.out.size.w, MR) * ceil_div(depth_, kSteps);
  }

  int64_t sums_row() const { return std::max<int64_t>(x_.out.size.w, kLanes<T>); }
  int64_t sums_size() const { return wide_ ? MR * band_.rows * sums_row() : block_pixels() * kPanel<T> + kLanes<T>; }

  int64_t block_pixels() const {
    const int64_t all = band_.rows * x_.out.size.w;
    return std::min(all, depth_ <= kSteps ? kBlockPixels : kMostPixels);
  }

  void prepare() {
    step_offsets(x_, band_, offsets_.data());
    slides_ = slides();
    if (wide_)
      place_vectors();
    else
      pixel_offsets(band_, x_.out.size.w, pixels_.data());
    const int64_t padded = panels_ * width_;
    if (x_.bias)
      for (int64_t o = 0; o < x_.groups * padded; ++o) {
        const int64_t g = o / padded, i = o % padded;
        bias_[o] = i < x_.out_channels ? x_.bias[(g * x_.out_channels + i) * x_.bias_stride] : T{};
      }
    const bool contiguous = steps_are_contiguous(x_);
    parallel_ranges(x_.groups * panels_, std::max<int64_t>(1, kTaskFlops / 16 / std::max<int64_t>(1, width_ * depth_)),
                    [&](int64_t begin, int64_t end) {
                      for (int64_t i = begin; i < end; ++i) pack(i / panels_, i % panels_, contiguous);
                    });
  }

  // The vectors of all rows in turn. The last one of a row overlaps its neighbour; of a short row, it is the only one.
  void place_vectors() {
    for (int64_t y = 0, i = 0; y < band_.rows; ++y)
      for (int64_t v = 0; v < row_vectors_; ++v, ++i) {
        const int64_t column = std::max<int64_t>(0, std::min(v * kLanes<T>, x_.out.size.w - kLanes<T>));
        pixels_[i] = y * band_.row_step() + column;
        places_[i] = y * (direct() ? x_.out.stride.h : sums_row()) + column;
      }
  }

  // Whether a vector of pixels can be stored to the results as it is.
  bool direct() const { return x_.out.stride.w == 1 && x_.out.size.w >= kLanes<T>; }

  // A panel for pixel_tile is as wide as it has channels; these are shared out evenly.
  int64_t first_channel(int64_t panel) const {
    return wide_ ? x_.out_channels * panel / panels_ : std::min(x_.out_channels, panel * width_);
  }
  T* panel_of(int64_t group, int64_t panel) { return weights_.data() + (group * panels_ + panel) * width_ * depth_; }
  const T* bias_of(int64_t group, int64_t panel) {
    return x_.bias ? bias_.data() + group * panels_ * width_ + first_channel(panel) : nullptr;
  }

  void pack(int64_t group, int64_t panel, bool contiguous) {
    const int64_t first = first_channel(panel), channels = first_channel(panel + 1) - first;
    pack_panel(x_, x_.weight + group * x_.group_weight + first * x_.out_weight, channels, wide_ ? channels : width_,
               contiguous, panel_of(group, panel));
  }

  struct Place {
    int64_t image, group, y, rows;
    const T* data;  // the group's first channel
  };

  Place place(int64_t item, int64_t bands) const {
    const int64_t image = item / bands / x_.groups, group = item / bands % x_.groups, y = item % bands * band_.rows;
    return {image, group, y, std::min(band_.rows, x_.out.size.h - y),
            x_.in.data + image * x_.in.image + group * x_.in_channels * x_.in.channel};
  }

  void compute(const Place& at, int64_t panel, int64_t panel_end, T* copy, T* sums, Ahead<T>& ahead) {
    const auto [image, group, y, rows, data] = at;
    copy_band(x_.in, data, x_.in_channels, band_, y, rows, copy);
    for (; panel < panel_end; ++panel) {
      const int64_t first = first_channel(panel), channels = first_channel(panel + 1) - first;
      Result<T> to{
          x_.out.data + image * x_.out.image + (group * x_.out_channels + first) * x_.out.channel + y * x_.out.stride.h,
          x_.out.channel,
          x_.out.stride,
          {rows, x_.out.size.w},
          channels,
          bias_of(group, panel),
          x_.relu};
      if (slides_)
        by_columns(panel_of(group, panel), copy, to, ahead);
      else if (wide_)
        by_pixels(panel_of(group, panel), copy, to, sums, ahead);
      else
        by_channels(panel_of(group, panel), copy, to, sums, ahead);
    }
  }

  void by_channels(const T* panel, const T* copy, const Result<T>& to, T* sums, Ahead<T>& ahead) {
    constexpr int64_t W = kPanel<T>;
    const int64_t all = to.size.area(), block = block_pixels();
    for (int64_t p = 0; p < all; p += block) {
      const int64_t count = std::min(block, all - p);
      int64_t step = 0;
      do {
        const int64_t steps = std::min(kSteps, depth_ - step);
        for_each_tile(count, [&](int64_t begin, int M) {
          ahead.fetch();
          const T* pixel[MR];
          for (int i = 0; i < M; ++i) pixel[i] = copy + pixels_[p + begin + i];
          const ChannelTile<T> tile = kChannelTiles<T>[static_cast<size_t>(M)];
          tile(steps, panel + step * W, offsets_.data() + step, pixel, sums + begin * W, step > 0);
        });
        step += steps;
      } while (step < depth_);
      store_channels(sums, p, count, to);
    }
  }

  void by_columns(const T* weights, const T* copy, const Result<T>& to, Ahead<T>& ahead) {
    for (int64_t v = 0; v < row_vectors_; v += kSlideVectors) {
      ahead.fetch();
      const auto slide = v + 1 < row_vectors_ ? slide_columns<T, kSlideVectors> : slide_columns<T, 1>;
      slide(weights, copy, band_.row_step(), pixels_.data() + v, to);
    }
  }

  // As many vectors at once as the tile takes; the last tile overlaps the one before.
  void by_pixels(const T* weights, const T* copy, const Result<T>& to, T* sums, Ahead<T>& ahead) {
    const auto& tiles = kPixelTiles<T>[static_cast<size_t>(to.channels)];
    const int64_t count = to.size.h * row_vectors_, most = vectors_of(static_cast<int>(to.channels));
    const int64_t wide = count >= most ? most : 1, pitch = sums_row(), channel = to.size.h * pitch;
    T* const data = direct() ? to.data : sums;
    const T* vectors[kMostVectors];
    T* out[kMostVectors];
    const PixelResult<T> result{out, direct() ? to.channel : channel, to.bias, to.relu};
    for (int64_t i = 0; i < count; i += wide) {
      const int64_t first = std::min(i, count - wide);
      for (int64_t j = 0; j < wide; ++j) {
        vectors[j] = copy + pixels_[first + j];
        out[j] = data + places_[first + j];
      }
      ahead.fetch();
      tiles[wide > 1](depth_, weights, offsets_.data(), vectors, result);
    }
    if (direct()) return;
    for (int64_t c = 0; c < to.channels; ++c)
      for (int64_t y = 0; y < to.size.h; ++y)
        for (int64_t x = 0; x < to.size.w; ++x)
          to.data[c * to.channel + y * to.stride.h + x * to.stride.w] = sums[c * channel + y * pitch + x];
  }

  const Correlation<T>& x_;
  const Band band_;
  const bool wide_;
  const int64_t width_, panels_, depth_;
  Scratch<T> weights_, bias_;
  Scratch<int64_t> offsets_;
  bool slides_ = false;
  const int64_t row_vectors_;         // of pixels, in a row of results
  Scratch<int64_t> pixels_, places_;  // where pixels, or vectors of them, begin in the copy and in a channel of results
};

template <class T>
void correlate(const Correlation<T>& x) {
  if (x.images * x.groups * x.out_channels * x.out.size.area() == 0) return;
  Correlator<T>(x).run();
}

}  // namespace pe::conv
