// Scratch memory for kernels, from the pool that also serves NumPy outputs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/core_api.h"

namespace pe {

// A block of scratch that goes back to the pool at the end of the scope. Uninitialised, 64-byte aligned.
template <class T>
class Scratch {
 public:
  explicit Scratch(int64_t count)
      : bytes_(static_cast<size_t>(count) * sizeof(T)), data_(static_cast<T*>(core().allocate(bytes_))) {}
  ~Scratch() { core().release(data_, bytes_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  T* data() { return data_; }
  const T* data() const { return data_; }
  T& operator[](int64_t i) { return data_[i]; }

 private:
  size_t bytes_;
  T* data_;
};

}  // namespace pe
