// The steps of packed sequences (kernels/recurrent.h) on a device, and arrays without gaps.
#pragma once

#include <optional>

#include "core/dense.h"
#include "cuda/scratch.h"
#include "kernels/copy.h"

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

// An input in row-major order: where it is, or copied. nullptr for an absent one.
template <class T>
class Dense {
 public:
  explicit Dense(OptIn a) {
    if (!a) return;
    data_ = a->as<const T>();
    if (is_contiguous(*a)) return;
    copied_.emplace(a->size());
    Array to = dense_view(*a, copied_->data());
    copy(*a, a->dtype, to);
    data_ = copied_->data();
  }
  explicit Dense(In a) : Dense(&a) {}
  operator const T*() const { return data_; }

 private:
  const T* data_ = nullptr;
  std::optional<DeviceScratch<T>> copied_;
};

template <class T>
__global__ void __launch_bounds__(kThreads) clear_rest(Steps steps, int64_t elements, int64_t columns, T* data) {
  for (int64_t i = steps.rows() * columns + grid_thread(); i < elements; i += grid_threads()) data[i] = T(0);
}

// An output in row-major order, which goes where it belongs by finish().
template <class T>
class DenseOut {
 public:
  explicit DenseOut(Out a) : out_(a), data_(a.as<T>()) {
    if (is_contiguous(a)) return;
    made_.emplace(a.size());
    data_ = made_->data();
  }
  operator T*() const { return data_; }

  void finish() const {
    if (made_) copy(dense_view(out_, data_), out_.dtype, out_);
  }
  // With zeros in the rows that belong to no step.
  void finish(const Steps& steps) const {
    enqueue(clear_rest<T>, blocks_for(out_.size(), kThreads), kThreads)(steps, out_.size(), out_.shape[1], data_);
    finish();
  }

 private:
  Array& out_;
  T* data_;
  std::optional<DeviceScratch<T>> made_;
};

}  // namespace pe::cuda
