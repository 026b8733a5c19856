// From a width in bytes to a type that is moved in one access: for kernels that only move elements, as many at a time
// as the layout allows.
#pragma once

#include "cuda/by_dtype.h"
#include "cuda/launch.h"

namespace pe::cuda {

template <class Run>
void by_width(int64_t bytes, Run&& run) {
  switch (bytes) {
    case 1:
      return run(Type<uint8_t>{});
    case 2:
      return run(Type<uint16_t>{});
    case 4:
      return run(Type<uint32_t>{});
    case 8:
      return run(Type<uint64_t>{});
    default:
      return run(Type<float4>{});
  }
}

}  // namespace pe::cuda
