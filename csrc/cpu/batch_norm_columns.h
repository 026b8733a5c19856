// batch_norm of channels that lie side by side, as in a[n, c]: lanes are channels.
//
// Strips of a few vectors of channels are summed up, by blocks of elements that a second pass finds in the first-level
// cache; then the channels of an element are put as one row.
#pragma once

#include <iterator>

#include "cpu/batch_norm_sums.h"

namespace pe {

// Element e of all channels, one after the other in memory.
template <class T>
class Columns {
 public:
  explicit Columns(const Channels<T>& a) : a_(a) {}
  static bool fits(const Channels<T>& a) { return a.channel_stride == 1 && a.count >= kLanes<T> && !a.direct(); }

  T* operator[](int64_t e) const {
    if (a_.rows == 1) return a_.data + e * a_.stride;
    return a_.data + e / a_.length * a_.row_stride + e % a_.length * a_.stride;
  }

 private:
  Channels<T> a_;
};

// `to` is then the result itself: one that is made elsewhere is row-major.
template <class T>
bool are_columns(const Channels<const T>& from, const Channels<T>& to) {
  return Columns<const T>::fits(from) && Columns<T>::fits(to);
}

inline constexpr int kStripVectors = 4;
inline constexpr int64_t kStripElements = 256;  // of each channel: 32 KiB of a strip

// The vectors of a strip of channels. That at the end overlaps its neighbour, whose lanes it does not put.
template <class T, int kVectors>
struct Strip {
  int64_t starts[kVectors];
  int64_t first, last;  // channels

  Strip(int64_t strip, int64_t channels)
      : first(strip * kStripVectors * kLanes<T>), last(std::min(channels, first + kVectors * kLanes<T>)) {
    for (int v = 0; v < kVectors; ++v) starts[v] = std::min(first + v * kLanes<T>, channels - kLanes<T>);
  }

  // Σ over elements [begin, end) of term(e, channel, v), v being the vector of channels that it is of.
  template <class Term>
  void sum(int64_t begin, int64_t end, const Term& term, Vec<T>* sums) const {
    Vec<T> totals[kVectors] = {};
    for (int64_t e = begin; e < end; ++e) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) totals[v] += term(e, starts[v], v);
    }
    for (int v = 0; v < kVectors; ++v) sums[v] = totals[v];
  }

  // to[channel · step] = sum of the channel
  void put(const Vec<T>* sums, double* to, int64_t step) const {
    for (int v = 0; v < kVectors; ++v) {
      T lanes[kLanes<T>];
      store(lanes, sums[v]);
      for (int64_t c = std::max(starts[v], first + v * kLanes<T>); c < std::min(starts[v] + kLanes<T>, last); ++c)
        to[c * step] = static_cast<double>(lanes[c - starts[v]]);
    }
  }
};

// body(strip, block) for all strips of channels and blocks of elements.
template <class T, class Body>
void for_each_strip(int64_t channels, const Blocks& blocks, const Body& body) {
  constexpr int64_t kChannels = kStripVectors * kLanes<T>;
  const int64_t strips = (channels + kChannels - 1) / kChannels;
  parallel_for(strips * blocks.count, [&](int64_t i) {
    const int64_t strip = i / blocks.count, block = i % blocks.count;
    const int64_t vectors = (std::min(kChannels, channels - strip * kChannels) + kLanes<T> - 1) / kLanes<T>;
    if (vectors == 1) return body(Strip<T, 1>(strip, channels), block);
    if (vectors == 2) return body(Strip<T, 2>(strip, channels), block);
    if (vectors == 3) return body(Strip<T, 3>(strip, channels), block);
    body(Strip<T, 4>(strip, channels), block);
  });
}

// to[e] = f(e, channel) for vectors of channels of all elements.
template <class T, class F>
void put_columns(const Channels<T>& to, const F& f) {
  const Columns<T> columns(to);
  const int64_t bytes = to.count * static_cast<int64_t>(sizeof(T));
  const bool streamed = bytes >= 512 && bytes <= 32 * 1024 && cpu::outgrows_caches(bytes * to.elements());
  parallel_ranges(to.elements(), std::max<int64_t>(1, 16384 / to.count), [&](int64_t begin, int64_t end) {
    for (int64_t e = begin; e < end; ++e)
      cpu::put_row(columns[e], to.count, streamed, [&](int64_t channel) { return f(e, channel); });
  });
}

template <class T>
void put_column_moments(const Channels<const T>& x, const Vector<T>& means, const Vector<T>& variances) {
  const Columns<const T> xs(x);
  const Blocks blocks(x.elements(), kStripElements, 1);
  Scratch<double> sums(2 * x.count * blocks.count);
  for_each_strip<T>(x.count, blocks, [&](const auto& strip, int64_t block) {
    const int64_t begin = blocks.first(block), end = blocks.last(block);
    Vec<T> totals[kStripVectors], centres[kStripVectors], squares[kStripVectors];
    strip.sum(begin, end, [&](int64_t e, int64_t c, int) { return load(xs[e] + c); }, totals);
    for (int v = 0; v < static_cast<int>(std::size(strip.starts)); ++v)
      centres[v] = totals[v] / static_cast<T>(end - begin);
    const auto square = [&](int64_t e, int64_t c, int v) {
      const Vec<T> d = load(xs[e] + c) - centres[v];
      return d * d;
    };
    strip.sum(begin, end, square, squares);
    strip.put(totals, sums.data() + 2 * block, 2 * blocks.count);
    strip.put(squares, sums.data() + 2 * block + 1, 2 * blocks.count);
  });
  for (int64_t c = 0; c < x.count; ++c) put_moments(blocks, sums.data() + 2 * c * blocks.count, means[c], variances[c]);
}

template <class T>
void normalise_columns(const Channels<const T>& x, const Channels<T>& y, const Vector<const T>& w,
                       const Vector<const T>& b, const Vector<const T>& means, const Vector<const T>& variances,
                       double eps) {
  Scratch<T> centre(x.count), scale(x.count), shift(x.count);
  for (int64_t c = 0; c < x.count; ++c) {
    centre[c] = means[c];
    scale[c] = rstd_of(variances[c], eps) * w[c];
    shift[c] = b[c];
  }
  const Columns<const T> xs(x);
  put_columns(y, [&](int64_t e, int64_t c) {
    return (load(xs[e] + c) - load(centre.data() + c)) * load(scale.data() + c) + load(shift.data() + c);
  });
}

template <class T>
void backward_columns(const Channels<const T>& g, const Channels<const T>& x, const ChannelGradient<T>& gradient,
                      const Channels<T>& dx) {
  const Columns<const T> gs(g), xs(x);
  const Blocks blocks(x.elements(), kStripElements, 1);
  Scratch<double> sums(2 * x.count * blocks.count);
  Scratch<T> centre(x.count), scale(x.count), of_bias(x.count), of_weight(x.count);
  for (int64_t c = 0; c < x.count; ++c) centre[c] = gradient.means[c];
  const auto distance = [&](int64_t e, int64_t c) { return load(xs[e] + c) - load(centre.data() + c); };
  for_each_strip<T>(x.count, blocks, [&](const auto& strip, int64_t block) {
    const int64_t begin = blocks.first(block), end = blocks.last(block);
    Vec<T> totals[kStripVectors], products[kStripVectors];
    strip.sum(begin, end, [&](int64_t e, int64_t c, int) { return load(gs[e] + c); }, totals);
    strip.sum(begin, end, [&](int64_t e, int64_t c, int) { return load(gs[e] + c) * distance(e, c); }, products);
    strip.put(totals, sums.data() + 2 * block, 2 * blocks.count);
    strip.put(products, sums.data() + 2 * block + 1, 2 * blocks.count);
  });
  for (int64_t c = 0; c < x.count; ++c) {
    gradient.finish(c, blocks.count, sums.data() + 2 * c * blocks.count);
    scale[c] = gradient.scale(c);
    of_bias[c] = gradient.of_bias(c);
    of_weight[c] = gradient.of_weight(c);
  }
  put_columns(dx, [&](int64_t e, int64_t c) {
    const Vec<T> rest = load(gs[e] + c) - load(of_bias.data() + c) - distance(e, c) * load(of_weight.data() + c);
    return load(scale.data() + c) * rest;
  });
}

}  // namespace pe
