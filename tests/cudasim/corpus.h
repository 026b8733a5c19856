// What the kernels of the corpus are called with.
#pragma once

#include <vector>

#include "cudasim/cudasim.h"

template <class T>
T* on_device(const std::vector<T>& values, const char* name = "values") {
  T* data = nullptr;
#ifdef CUDASIM_INSPECT
  cudasim::allocate(&data, values.size() * sizeof(T), name, cudasim::MemoryKind::device);
#else
  cudaMalloc(&data, values.size() * sizeof(T));
#endif
  cudaMemcpy(data, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice);
  return data;
}

inline float* floats(size_t count, float first = 0) {
  std::vector<float> values(count, first);
  for (size_t i = 0; i < count; ++i) values[i] += static_cast<float>(i % 7);
  return on_device(values, "floats");
}

// 0, 1, … below `limit`, again and again.
inline int* small_numbers(size_t count, int limit) {
  std::vector<int> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<int>(i) % limit;
  return on_device(values, "numbers");
}
