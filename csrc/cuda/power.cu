// out[i] = a[i] to the power b[i]: float by CUDA's pow, int64 by squaring.
//
// float32 goes through double, as on the CPU: CUDA's powf is up to 4 ulp off, and x^y in double rounded once nearly
// always right. On GPUs with few units for double that is the slower way; these kernels seldom decide anything.
#include "kernels/power.h"

#include "cuda/elementwise.h"

namespace pe {

namespace {

// int64 as uint64, which wraps. b's bits, from the last, say which of a, a^2, a^4, … are factors.
__device__ uint64_t whole_power(uint64_t a, uint64_t b) {
  const uint64_t minus_one = ~uint64_t{0};
  if (b >> 63 != 0) return a == 1 ? 1 : a != minus_one ? 0 : (b & 1) != 0 ? minus_one : 1;
  uint64_t power = 1;
  for (; b != 0; b >>= 1, a *= a)
    if ((b & 1) != 0) power *= a;
  return power;
}

struct Pow {
  template <class T>
  __device__ T operator()(T a, T b) const {
    if constexpr (std::is_floating_point_v<T>)
      return static_cast<T>(::pow(static_cast<double>(a), static_cast<double>(b)));
    else
      return whole_power(a, b);
  }
};

}  // namespace

void pow(In a, In b, Out out) { numbers("pow", Pow{}, out, a, b); }

}  // namespace pe
