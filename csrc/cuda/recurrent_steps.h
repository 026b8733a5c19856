// The steps of packed sequences (kernels/recurrent.h) on a device, and arrays without gaps.
#pragma once

#include "cuda/scratch.h"
#include "kernels/dense.h"

namespace pe::cuda {

// Step t has rows offset(t) … offset(t) + count(t).
struct Steps {
  int64_t size, batch;
  bool reverse;
  const int64_t* offsets;  // [size + 1]

  __device__ int64_t offset(int64_t t) const { return offsets[t]; }
  __device__ int64_t count(int64_t t) const { return offsets[t + 1] - offsets[t]; }
  __device__ int64_t rows() const { return offsets[size]; }  // that belong to a step

  // The s-th step of the layer's direction, and of the way back.
  __device__ int64_t forth(int64_t s) const { return reverse ? size - 1 - s : s; }
  __device__ int64_t back(int64_t s) const { return reverse ? s : size - 1 - s; }

  // The row of sequence b one step before step t; -1 where t is its first.
  __device__ int64_t before(int64_t t, int64_t b) const {
    const int64_t p = reverse ? t + 1 : t - 1;
    return p >= 0 && p < size && b < count(p) ? offset(p) + b : -1;
  }
};

// One thread: each offset needs the one before it, and there are few of them.
static __global__ void find_offsets(int64_t rows, int64_t steps, int64_t batch, const int64_t* sizes, int64_t stride,
                                    int64_t* offsets) {
  offsets[0] = 0;
  int64_t count = batch;
  for (int64_t t = 0, at = 0; t < steps; ++t) {
    const int64_t wanted = sizes ? sizes[t * stride] : batch;
    if (wanted < count) count = wanted < 0 ? 0 : wanted;
    if (rows - at < count) count = rows - at;
    offsets[t + 1] = at += count;
  }
}

class DeviceSteps {
 public:
  DeviceSteps(int64_t rows, int64_t batch, OptIn batch_sizes, bool reverse)
      : steps_(batch_sizes ? batch_sizes->shape[0]
               : batch > 0 ? rows / batch
                           : 0),
        offsets_(steps_ + 1) {
    enqueue(find_offsets, 1, 1)(rows, steps_, batch, batch_sizes ? batch_sizes->as<const int64_t>() : nullptr,
                                batch_sizes ? batch_sizes->strides[0] : 0, offsets_.data());
    view_ = {steps_, batch, reverse, offsets_.data()};
  }
  operator Steps() const { return view_; }
  int64_t batch() const { return view_.batch; }

 private:
  int64_t steps_;
  DeviceScratch<int64_t> offsets_;
  Steps view_;
};

template <class T>
using Dense = DenseInput<T, DeviceScratch>;

template <class T>
__global__ void __launch_bounds__(kThreads) clear_rest(Steps steps, int64_t elements, int64_t columns, T* data) {
  for (int64_t i = steps.rows() * columns + grid_thread(); i < elements; i += grid_threads()) data[i] = T(0);
}

// An output in row-major order, which goes where it belongs by finish().
template <class T>
class DenseOut : public DenseOutput<T, DeviceScratch> {
 public:
  explicit DenseOut(Out a) : DenseOutput<T, DeviceScratch>(a) {}

  void finish() const { this->write_back(); }
  // With zeros in the rows that belong to no step.
  void finish(const Steps& steps) const {
    const int64_t size = this->out().size(), columns = this->out().shape[1];
    enqueue(clear_rest<T>, blocks_for(size, kThreads), kThreads)(steps, size, columns, static_cast<T*>(*this));
    finish();
  }
};

}  // namespace pe::cuda
