// floor_divide and remainder: float by an exact fmod, int64 by the integer division.
//
// fmod and C's % have the sign of a; where b's is the other, a further b is added and 1 taken off the quotient. An
// integer divided by 0 is reported and gives 0; the quotient of the least integer by -1 does not exist and wraps.
#include "kernels/quotient.h"

#include <stdexcept>

#include "cuda/data_error.h"
#include "cuda/elementwise.h"

namespace pe {

namespace {

template <class T>
__device__ bool signs_differ(T rest, T b) {
  return rest != 0 && (rest < 0) != (b < 0);
}

struct Remainder {
  DataErrorRecord* record;

  template <class T>
  __device__ T operator()(T a, T b) const {
    if constexpr (std::is_floating_point_v<T>) {
      const T rest = ::fmod(a, b);
      return signs_differ(rest, b) ? rest + b : rest;
    } else {
      if (b == 0) report(record, {0, 0, 0, 0});
      if (b == 0 || b == -1) return 0;
      const T rest = a % b;
      return signs_differ(rest, b) ? rest + b : rest;
    }
  }
};

struct FloorDivide {
  DataErrorRecord* record;

  // a - rest is a multiple of b, and its quotient whole but for the rounding.
  template <class T>
  __device__ T operator()(T a, T b) const {
    if constexpr (std::is_floating_point_v<T>) {
      const T rest = ::fmod(a, b), ratio = a / b;
      if (b == 0) return ratio;
      T quotient = (a - rest) / b;
      if (signs_differ(rest, b)) quotient -= 1;
      if (quotient == 0) return ::copysign(T(0), ratio);
      const T whole = ::floor(quotient);
      return quotient - whole > T(0.5) ? whole + 1 : whole;
    } else {
      if (b == 0) report(record, {0, 0, 0, 0});
      if (b == 0) return 0;
      if (b == -1) return static_cast<T>(-static_cast<uint64_t>(a));
      return a / b - signs_differ(a % b, b);
    }
  }
};

template <const char* kKernel>
void raise(const DataFault&) {
  throw std::domain_error(std::string("an integer is divided by 0; ") + kKernel + " in float32 gives inf or NaN");
}

constexpr char kFloorDivide[] = "floor_divide", kRemainder[] = "remainder";

template <class F, const char* kKernel>
void divide(In a, In b, Out out) {
  if (out.dtype != DType::i64) return floats(kKernel, F{nullptr}, out, a, b);
  DataErrors errors(raise<kKernel>);
  elementwise<int64_t, int64_t, int64_t>(F{errors.record()}, out, a, b);
  errors.check();
}

}  // namespace

void floor_divide(In a, In b, Out out) { divide<FloorDivide, kFloorDivide>(a, b, out); }
void remainder(In a, In b, Out out) { divide<Remainder, kRemainder>(a, b, out); }

}  // namespace pe
