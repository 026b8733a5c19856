// Operands without gaps, for kernels that copy one where it has some. `Memory` is the scratch memory of a backend.
#pragma once

#include <optional>

#include "core/dense.h"
#include "kernels/copy.h"

namespace pe {

// An input in row-major order: where it is, or copied. nullptr for an absent one.
template <class T, template <class> class Memory>
class DenseInput {
 public:
  explicit DenseInput(OptIn a) {
    if (!a) return;
    data_ = a->as<const T>();
    if (is_contiguous(*a)) return;
    copied_.emplace(a->size());
    Array to = dense_view(*a, copied_->data());
    copy(*a, a->dtype, to);
    data_ = copied_->data();
  }
  explicit DenseInput(In a) : DenseInput(&a) {}
  operator const T*() const { return data_; }

 private:
  const T* data_ = nullptr;
  std::optional<Memory<T>> copied_;
};

// An output in row-major order: where it belongs, or in memory of its own, from which write_back() copies it.
template <class T, template <class> class Memory>
class DenseOutput {
 public:
  explicit DenseOutput(Out a) : out_(a), data_(a.as<T>()) {
    if (is_contiguous(a)) return;
    made_.emplace(a.size());
    data_ = made_->data();
  }
  operator T*() const { return data_; }

 protected:
  In out() const { return out_; }
  void write_back() const {
    if (made_) copy(dense_view(out_, data_), out_.dtype, out_);
  }

 private:
  Array& out_;
  T* data_;
  std::optional<Memory<T>> made_;
};

}  // namespace pe
