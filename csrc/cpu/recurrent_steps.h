// The steps of packed sequences (kernels/recurrent.h): which rows belong to which step, and arrays without gaps.
#pragma once

#include <algorithm>
#include <vector>

#include "core/memory.h"
#include "kernels/dense.h"

namespace pe::cpu {

// Step t has rows offset(t) … offset(t) + count(t).
class Steps {
 public:
  Steps(int64_t rows, int64_t batch, OptIn batch_sizes, bool reverse) : batch_(batch), reverse_(reverse) {
    const int64_t steps = batch_sizes ? batch_sizes->shape[0] : batch > 0 ? rows / batch : 0;
    offsets_.reserve(static_cast<size_t>(steps) + 1);
    offsets_.push_back(0);
    for (int64_t t = 0, count = batch; t < steps; ++t) {
      if (batch_sizes) count = std::clamp<int64_t>(batch_sizes->as<int64_t>()[t * batch_sizes->strides[0]], 0, count);
      count = std::min(count, rows - offsets_.back());
      offsets_.push_back(offsets_.back() + count);
    }
  }

  int64_t size() const { return static_cast<int64_t>(offsets_.size()) - 1; }
  int64_t batch() const { return batch_; }
  int64_t offset(int64_t t) const { return offsets_[static_cast<size_t>(t)]; }
  int64_t count(int64_t t) const { return offset(t + 1) - offset(t); }
  int64_t rows() const { return offsets_.back(); }  // that belong to a step

  // The s-th step of the layer's direction, and of the way back.
  int64_t forth(int64_t s) const { return reverse_ ? size() - 1 - s : s; }
  int64_t back(int64_t s) const { return reverse_ ? s : size() - 1 - s; }

  // The row of sequence b one step before step t; -1 where t is its first.
  int64_t before(int64_t t, int64_t b) const {
    const int64_t p = reverse_ ? t + 1 : t - 1;
    return p >= 0 && p < size() && b < count(p) ? offset(p) + b : -1;
  }

 private:
  int64_t batch_;
  bool reverse_;
  std::vector<int64_t> offsets_;
};

template <class T>
using Dense = DenseInput<T, Scratch>;

// An output in row-major order, which goes where it belongs at the end of the scope.
template <class T>
class DenseOut : public DenseOutput<T, Scratch> {
 public:
  explicit DenseOut(Out a) : DenseOutput<T, Scratch>(a) {}
  ~DenseOut() { this->write_back(); }
  DenseOut(const DenseOut&) = delete;
  DenseOut& operator=(const DenseOut&) = delete;

  // Zeros from row `first` on.
  void clear_from(int64_t first) {
    T* data = *this;
    std::fill(data + first * this->out().shape[1], data + this->out().size(), T{});
  }
};

}  // namespace pe::cpu
