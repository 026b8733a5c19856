// Device memory for the time between two kernels of one call: taken from and given back to a pool in the order of the
// stream, so neither waits for the device.
#pragma once

#include "core/core_api.h"
#include "cuda/launch.h"

namespace pe {

void* allocate_scratch(size_t bytes);  // device.cpp; uninitialised, aligned to 256 bytes on a GPU and 64 on cudasim
void release_scratch(void* block, size_t bytes) noexcept;

template <class T>
class DeviceScratch {
 public:
  explicit DeviceScratch(int64_t count)
      : bytes_(static_cast<size_t>(count) * sizeof(T)), data_(static_cast<T*>(allocate_scratch(bytes_))) {}
  ~DeviceScratch() { release_scratch(data_, bytes_); }
  DeviceScratch(const DeviceScratch&) = delete;
  DeviceScratch& operator=(const DeviceScratch&) = delete;

  T* data() const { return data_; }

 private:
  size_t bytes_;
  T* data_;
};

}  // namespace pe
