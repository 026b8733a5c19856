// floor_divide and remainder: floats by an exact fmod, int64 by the processor's division.
//
// A division of 64-bit integers, and CUDA's fmod, are loops of about a hundred instructions: both kernels compute
// longer than they wait for memory. Where a float's quotient is not extremely large, a division and an FMA find fmod's
// result at once. fmod and C's % have the sign of a; where b's is the other, a further b is added and 1 taken off the
// quotient. An integer divided by 0 is looked for in a pass over b of its own, which the divisions outweigh by far.
#include "kernels/quotient.h"

#include <limits>
#include <stdexcept>
#include <string>

#include "cuda/data_error.h"
#include "cuda/elementwise.h"

namespace pe {

namespace {

template <class T>
constexpr T kMost = std::numeric_limits<T>::max();
template <class T>
constexpr T kExact = T(0.25) / std::numeric_limits<T>::epsilon();

// With the nearest whole number q to a / b, a - q·b needs no more digits than a and b have: the rounding of an FMA
// changes nothing. So does that of adding one |b| more, if q was too large. That holds while q itself is exact.
template <class T>
__device__ inline T fmod_of(T a, T b) {
  const T ratio = a / b, size = ::fabs(b);
  if (!(::fabs(ratio) < kExact<T> && size <= kMost<T>)) return ::fmod(a, b);
  const T rest = ::copysign(T(1), a) * ::fma(-::rint(ratio), b, a);  // as if a were positive
  return ::copysign(rest < T{} ? rest + size : rest, a);
}

// Whether a division that rounds towards 0 has to be corrected, as the rest is not of the divisor's sign.
template <class T>
__device__ inline bool is_off(T rest, T b) {
  return rest != T{} && (rest < T{}) != (b < T{});
}

struct Remainder {
  template <class T>
  __device__ T operator()(T a, T b) const {
    T rest{};
    if constexpr (std::is_floating_point_v<T>)
      rest = fmod_of(a, b);
    else
      rest = b == 0 || b == -1 ? 0 : a % b;  // the least integer over -1 traps on the CPU; 0 was reported
    return is_off(rest, b) ? rest + b : rest;
  }
};

struct FloorDivide {
  __device__ int64_t operator()(int64_t a, int64_t b) const {
    if (b == 0) return 0;
    if (b == -1) return static_cast<int64_t>(-static_cast<uint64_t>(a));  // wraps for the least integer
    const int64_t quotient = a / b;
    return is_off(a - quotient * b, b) ? quotient - 1 : quotient;
  }

  // a - rest is a multiple of b, and its quotient whole but for the rounding.
  template <class T>
  __device__ T operator()(T a, T b) const {
    const T rest = fmod_of(a, b), ratio = a / b;
    if (b == T{}) return ratio;
    T quotient = (a - rest) / b;
    if (is_off(rest, b)) quotient -= T(1);
    if (quotient == T{}) return ::copysign(T{}, ratio);
    const T whole = ::floor(quotient);
    return quotient - whole > T(0.5) ? whole + T(1) : whole;
  }
};

__global__ void __launch_bounds__(kThreads) find_zero(Strided<1> b, DataErrorRecord* record) {
  bool found = false;
  for (int64_t i = grid_thread(); i < b.size; i += grid_threads())
    found |= b.data<const int64_t>(0)[b.offsets(i)[0]] == 0;
  if (__syncthreads_or(found) && threadIdx.x == 0) report(record, {0, 0, 0, 0});
}

[[noreturn]] void divided_by_zero(const std::string& kernel) {
  throw std::domain_error("an integer is divided by 0; " + kernel + " in float32 gives inf or NaN");
}

template <class F>
void divide(const char* kernel, const F& f, In a, In b, Out out, DataErrors::Raise raise) {
  if (out.dtype != DType::i64) return floats(kernel, f, out, a, b);
  if (out.size() == 0) return;
  DataErrors errors(raise);
  const Strided<1> divisors(b);
  enqueue(find_zero, blocks_for(divisors.size, kThreads), kThreads)(divisors, errors.record());
  errors.check();
  elementwise<int64_t, int64_t, int64_t>(f, out, a, b);
}

}  // namespace

void floor_divide(In a, In b, Out out) {
  divide("floor_divide", FloorDivide{}, a, b, out, [](const DataFault&) { divided_by_zero("floor_divide"); });
}

void remainder(In a, In b, Out out) {
  divide("remainder", Remainder{}, a, b, out, [](const DataFault&) { divided_by_zero("remainder"); });
}

}  // namespace pe
