// sum, prod, amax, amin over any axes, any and all of bool.
//
// One operation for each element read, so the speed is that of memory. int64 computes as uint64, which wraps. Error of
// a sum: within (2 + log2 n)·u·Σ|a|, as each thread adds at most 4 elements to one accumulator (reduce.h).
#include "cuda/reduce.h"

#include <limits>

#include "core/axes.h"
#include "kernels/reduce.h"

namespace pe {

namespace {

template <class T>
struct Sum : Plain<T> {
  static __host__ __device__ T identity() { return 0; }
  static __device__ T combine(T x, T y) { return x + y; }
};

template <class T>
struct Prod : Plain<T> {
  static __host__ __device__ T identity() { return 1; }
  static __device__ T combine(T x, T y) { return x * y; }
};

// A NaN on either side stays: x as it differs from itself, y because no comparison with it is true.
template <class T, bool kGreatest>
struct Extremum : Plain<T> {
  static __host__ __device__ T identity() {
    using Limits = std::numeric_limits<T>;
    if constexpr (Limits::has_infinity) return kGreatest ? -Limits::infinity() : Limits::infinity();
    return kGreatest ? Limits::lowest() : Limits::max();
  }
  static __device__ T combine(T x, T y) { return ((kGreatest ? x > y : x < y) | (x != x)) ? x : y; }
};

// Truth values are combined as words, which a shuffle takes.
struct Truth {
  using In = uint8_t;
  using Acc = uint32_t;
  using Out = uint8_t;
  static __device__ uint32_t map(uint8_t x) { return x; }
  static __host__ __device__ uint8_t finish(uint32_t total) { return static_cast<uint8_t>(total); }
};

struct Any : Truth {
  static __host__ __device__ uint32_t identity() { return 0; }
  static __device__ uint32_t combine(uint32_t x, uint32_t y) { return x | y; }
};

struct All : Truth {
  static __host__ __device__ uint32_t identity() { return 1; }
  static __device__ uint32_t combine(uint32_t x, uint32_t y) { return x & y; }
};

template <class F32, class F64, class I64>
void numbers(const char* kernel, In a, const Ints& axis, Out out) {
  const uint32_t axes = axis_mask(a, axis);
  switch (a.dtype) {
    case DType::f32:
      return reduce<F32>(a, axes, out);
    case DType::f64:
      return reduce<F64>(a, axes, out);
    case DType::i64:
      return reduce<I64>(a, axes, out);
    default:
      throw DTypeError(std::string(kernel) + ": computes in float32, float64 or int64, not " + name(a.dtype));
  }
}

}  // namespace

void sum(In a, const Ints& axis, bool, Out out) {
  numbers<Sum<float>, Sum<double>, Sum<uint64_t>>("sum", a, axis, out);
}

void prod(In a, const Ints& axis, bool, Out out) {
  numbers<Prod<float>, Prod<double>, Prod<uint64_t>>("prod", a, axis, out);
}

void amax(In a, const Ints& axis, bool, Out out) {
  numbers<Extremum<float, true>, Extremum<double, true>, Extremum<int64_t, true>>("amax", a, axis, out);
}

void amin(In a, const Ints& axis, bool, Out out) {
  numbers<Extremum<float, false>, Extremum<double, false>, Extremum<int64_t, false>>("amin", a, axis, out);
}

void any(In a, const Ints& axis, bool, Out out) { reduce<Any>(a, axis_mask(a, axis), out); }

void all(In a, const Ints& axis, bool, Out out) { reduce<All>(a, axis_mask(a, axis), out); }

}  // namespace pe
