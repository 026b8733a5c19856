// Weights in the order in which the tiles read them: for `width` output channels of a panel, all steps (input channel
// by input channel, tap by tap), panel[step · width + o].
#pragma once

#include <algorithm>

#include "cpu/conv2d_geometry.h"
#include "cpu/conv2d_tile.h"
#include "cpu/matmul_pack.h"

namespace pe::conv {

// Whether the steps of an output channel lie side by side in memory, in order: then a panel is a plain transpose.
template <class T>
bool steps_are_contiguous(const Correlation<T>& x) {
  if (x.in_weight != x.tap_count && x.in_channels > 1) return false;
  for (int64_t t = 0; t < x.tap_count; ++t)
    if (x.taps[t].weight != t) return false;
  return true;
}

// The panel of the `channels` output channels whose first weight is `weight`, zeros in the lanes behind them.
template <class T>
void pack_panel(const Correlation<T>& x, const T* weight, int64_t channels, int64_t width, bool contiguous, T* panel) {
  const int64_t depth = x.depth();
  if (contiguous && width == kPanel<T> && channels == width)
    return gemm::pack_panel<T, static_cast<int>(kPanel<T>)>(weight, x.out_weight, 1, width, depth, panel);
  for (int64_t c = 0; c < x.in_channels; ++c)
    for (int64_t t = 0; t < x.tap_count; ++t, panel += width) {
      const T* from = weight + c * x.in_weight + x.taps[t].weight;
      for (int64_t o = 0; o < channels; ++o) panel[o] = from[o * x.out_weight];
      for (int64_t o = channels; o < width; ++o) panel[o] = T{};
    }
}

}  // namespace pe::conv
