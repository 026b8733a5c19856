// What conv2d and conv2d_backward_input have in common: each result is a sum, over channels and taps, of weights times
// the pixels of an image that it sees.
//
// As a product (gemm.h): rows are the channels of the results of a group, columns the pixels of all results, steps the
// pairs of a channel and a tap. The gradient of the input is one such product for each remainder of a pixel's place by
// the stride, since pixels of one remainder see the same taps: nothing is multiplied by the zeros that a stride would
// put between windows. Groups and remainders are items of one launch.
//
// Where a group has few results, most of a tile's rows would be empty, and a kernel without tiles takes over: a thread
// makes a pixel of kRows results, so that neighbouring threads read neighbouring pixels and the same weights.
#pragma once

#include "cuda/conv2d_operand.h"
#include "cuda/gemm.h"
#include "cuda/images.h"

namespace pe::conv {

template <class T_>
struct Correlation {
  using T = T_;
  using Accumulate = T_;

  // One item: image, weights and results from its group's first channels and its first tap on.
  struct View {
    Sight sight;
    const T *image, *weight, *bias;
    T* out;
    int64_t n, k;
  };
  struct Job {
    int64_t m, n, k;
    Gathered<T, true, EvenPlaces, DigitPlaces> a;
    Gathered<T, false, ImagePlaces, ImagePlaces> b;
    gemm::Output<T, Digits> out;
  };

  Images<const T> image, weight;
  Images<T> out;
  const T* bias = nullptr;
  int64_t bias_stride = 0;
  bool relu = false, backward = false, aligned = false;  // of the results, as gemm::Output has it
  Axis height{}, width{};
  int64_t images = 0, channels = 0;  // channels of a group of the image
  int remainders[2] = {1, 1};        // of a result's place by the strides
  int64_t items = 0, m = 0, n = 0, k = 0;

  __device__ View view(int64_t item) const {
    const int remainder = static_cast<int>(item % (remainders[0] * remainders[1]));
    const int64_t group = item / (remainders[0] * remainders[1]);
    const Reach rows = backward ? backward_reach(height, remainder / remainders[1]) : forward_reach(height);
    const Reach columns = backward ? backward_reach(width, remainder % remainders[1]) : forward_reach(width);
    View v{{rows, columns}, image.data, weight.data, bias, out.data, 0, 0};
    v.image += group * channels * image.strides[1];
    v.weight += group * (backward ? channels : m) * weight.strides[0] + rows.first_tap * weight.strides[2] +
                columns.first_tap * weight.strides[3];
    v.out += group * m * out.strides[1] + rows.first * out.strides[2] + columns.first * out.strides[3];
    if (bias) v.bias += group * m * bias_stride;
    v.n = images * v.sight.results();
    v.k = channels * v.sight.taps();
    return v;
  }

  // The weights of two rows of the product, and of two channels of the image, are so far apart.
  __device__ int64_t weight_row() const { return weight.strides[backward ? 1 : 0]; }
  __device__ int64_t weight_channel() const { return weight.strides[backward ? 0 : 1]; }
  __device__ int image_height() const { return backward ? height.windows : height.length; }
  __device__ int image_width() const { return backward ? width.windows : width.length; }

  __device__ gemm::Output<T, Digits> output(const View& v) const {
    const Reach &rows = v.sight.rows, &columns = v.sight.columns;
    const Digits places(rows.count, columns.count, out.strides[0], rows.step * out.strides[2],
                        columns.step * out.strides[3]);
    return {v.out, out.strides[1], places, aligned, v.bias, bias_stride, 0, relu, false};
  }

  __device__ void set(Job& job, int64_t item) const {
    const View v = view(item);
    const Reach &rows = v.sight.rows, &columns = v.sight.columns;
    const Digits weights(rows.taps, columns.taps, weight_channel(), rows.tap_step * weight.strides[2],
                         columns.tap_step * weight.strides[3]);
    job = {m,
           v.n,
           v.k,
           {v.weight, {weight_row()}, {weights}, 1, 1},
           {v.image + v.sight.start(image.strides), v.sight.result_places(image.strides),
            v.sight.tap_places(image.strides), image_height(), image_width()},
           output(v)};
  }
};

// Blocks: kThreads pixels of kRows results of an item.
template <class T, int kRows>
__global__ void __launch_bounds__(kThreads)
    correlate_directly(const Correlation<T> problem, int64_t row_blocks, int64_t column_blocks, int64_t first_block) {
  const int64_t block = first_block + blockIdx.x, item = block / column_blocks / row_blocks;
  const int64_t row = block / column_blocks % row_blocks * kRows;
  const int64_t column = block % column_blocks * kThreads + threadIdx.x;
  const auto v = problem.view(item);
  if (column >= v.n) return;
  const Reach &rows = v.sight.rows, &columns = v.sight.columns;
  const auto strides = problem.image.strides, weight_strides = problem.weight.strides;
  const Place result = v.sight.result_places(strides)(static_cast<uint32_t>(column));
  const T* const pixels = v.image + v.sight.start(strides) + result.offset;
  const T* weights[kRows];
#pragma unroll
  for (int r = 0; r < kRows; ++r)  // behind the last row that one again
    weights[r] = v.weight + (row + r < problem.m ? row + r : problem.m - 1) * problem.weight_row();

  T sums[kRows] = {};
  for (int64_t c = 0; c < problem.channels; ++c)
    for (int t = 0; t < rows.taps; ++t)
      for (int u = 0; u < columns.taps; ++u) {
        const auto y = static_cast<unsigned>(result.y + t * rows.hop);
        const auto x = static_cast<unsigned>(result.x + u * columns.hop);
        const bool inside =
            y < static_cast<unsigned>(problem.image_height()) && x < static_cast<unsigned>(problem.image_width());
        const T pixel =
            inside ? pixels[c * strides[1] + t * (rows.hop * strides[2]) + u * (columns.hop * strides[3])] : T(0);
        const int64_t tap = c * problem.weight_channel() + t * (rows.tap_step * weight_strides[2]) +
                            u * (columns.tap_step * weight_strides[3]);
#pragma unroll
        for (int r = 0; r < kRows; ++r) sums[r] += weights[r][tap] * pixel;
      }
  const auto out = problem.output(v);
#pragma unroll
  for (int r = 0; r < kRows; ++r)
    if (row + r < problem.m) out.put(sums[r], row + r, column);
}

}  // namespace pe::conv
