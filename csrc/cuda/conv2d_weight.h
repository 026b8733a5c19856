// The gradient of the weights as a product (gemm.h): rows are the channels of the results of a group, columns the pairs
// of one of its channels and a tap, steps all results' pixels. Those are many, and the result is small: it is gemm.h's
// cutting along k that gives enough blocks to fill a GPU.
//
// Where a group has hardly any channels, tiles would be empty, and blocks make one weight each: its threads sum over
// the pixels in steps of kThreads, and are added up in a fixed tree.
#pragma once

#include "cuda/block_reduce.h"
#include "cuda/conv2d_correlate.h"

namespace pe::conv {

template <class T_>
struct WeightGradient {
  using T = T_;
  using Accumulate = T_;
  using Grads = Gathered<T, true, EvenPlaces, DigitPlaces>;
  using Pixels = Gathered<T, true, ImagePlaces, ImagePlaces>;
  struct Job {
    int64_t m, n, k;
    Grads a;
    Pixels b;
    gemm::Output<T, Digits> out;
  };

  Images<const T> grad, image;
  Images<T> out;
  bool aligned = false;  // of the results, as gemm::Output has it
  Axis height{}, width{};
  int64_t channels = 0;  // of a group of the image
  int64_t items = 0, m = 0, n = 0, k = 0;

  __device__ void set(Job& job, int64_t group) const {
    const Sight sight{forward_reach(height), forward_reach(width)};
    const T* const grads = grad.data + group * m * grad.strides[1];
    const T* const pixels = image.data + group * channels * image.strides[1] + sight.start(image.strides);
    const Digits results(height.windows, width.windows, grad.strides[0], grad.strides[2], grad.strides[3]);
    const Digits taps(height.kernel, width.kernel, out.strides[1], out.strides[2], out.strides[3]);
    job = {m,
           n,
           k,
           {grads, {grad.strides[1]}, {results}, 1, 1},
           {pixels, sight.tap_places(image.strides), sight.result_places(image.strides), height.length, width.length},
           {out.data + group * m * out.strides[0], out.strides[0], taps, aligned, nullptr, 0, 0, false, false}};
  }
};

// A block makes a weight.
template <class T>
__global__ void __launch_bounds__(kThreads) sum_weight(const WeightGradient<T> problem) {
  const int64_t weight = blockIdx.x, column = weight % problem.n, row = weight / problem.n % problem.m;
  typename WeightGradient<T>::Job job;
  problem.set(job, weight / problem.n / problem.m);
  T sum = 0;
  for (int64_t k = threadIdx.x; k < problem.k; k += kThreads)
    sum += job.a.at(static_cast<uint32_t>(row), static_cast<uint32_t>(k)) *
           job.b.at(static_cast<uint32_t>(column), static_cast<uint32_t>(k));
  sum = block_reduce(sum, Plus{});
  if (threadIdx.x == 0) job.out.put(sum, row, column);
}

}  // namespace pe::conv
