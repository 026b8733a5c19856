// From a width in bytes to a type that is moved in one access: for kernels that only move elements, as many at a time
// as the layout allows.
#pragma once

#include "cuda/by_dtype.h"
#include "cuda/launch.h"

namespace pe::cuda {

template <class Run>
void by_width(int64_t bytes, Run&& run) {
  if (bytes == 16) return run(Type<float4>{});
  by_size(bytes, run);
}

}  // namespace pe::cuda
