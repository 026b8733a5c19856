// Division by a number that many threads share: a multiplication and a shift, as a GPU has no instruction for it.
#pragma once

#include <cstdint>

#include "cuda/launch.h"

namespace pe {

// ⌊n / divisor⌋ for 0 <= n < 2^31 and 1 <= divisor <= 2^31. With 2^(l - 1) < divisor <= 2^l the multiplier is
// ⌈2^(31 + l) / divisor⌉, too large by less than 1. So n · multiplier / 2^(31 + l) is too large by less than
// 2^-l <= 1 / divisor, and its floor is exact.
class Divider {
 public:
  Divider() = default;  // divides by nothing yet: may lie in shared memory
  __host__ __device__ explicit Divider(int64_t divisor) : divisor_(static_cast<uint32_t>(divisor)), shift_(31) {
    while ((int64_t{1} << (shift_ - 31)) < divisor) ++shift_;
    const uint64_t d = divisor_;
    multiplier_ = static_cast<uint32_t>(((uint64_t{1} << shift_) + d - 1) / d);
  }

  __host__ __device__ uint32_t operator()(uint32_t n) const {
    return static_cast<uint32_t>(static_cast<uint64_t>(n) * multiplier_ >> shift_);
  }
  __host__ __device__ uint32_t divisor() const { return divisor_; }

 private:
  uint32_t divisor_, multiplier_;
  int shift_;
};

}  // namespace pe
