// out[kept axes] = the sum, product, greatest or least element, or, and of a over any set of axes. Reads each element
// once, for 1 operation each: memory bound.
//
// The walk and the trees of partial sums are reduce.h's. With u the unit roundoff and n summands each result differs
// from the exact sum by at most (1024 / (8·lanes) + 16 + log2 n)·u·Σ|a| to first order, where lanes is how many T a
// vector holds, and along axes that are not innermost by (2 + log2 n)·u·Σ|a|. int64 computes as uint64, which wraps.
#include "cpu/reduce.h"

#include <limits>

#include "core/axes.h"
#include "kernels.h"

namespace pe {

namespace {

// A reducer whose input, partial results and output are of one type, and map and finish change nothing.
template <class T>
struct Plain {
  using In = T;
  using Acc = T;
  using Out = T;
  template <class V>
  static V map(V x) {
    return x;
  }
  static T finish(T total) { return total; }
};

template <class T>
struct Sum : Plain<T> {
  static T identity() { return 0; }
  template <class V>
  static V combine(V x, V y) {
    return x + y;
  }
};

template <class T>
struct Prod : Plain<T> {
  static T identity() { return 1; }
  template <class V>
  static V combine(V x, V y) {
    return x * y;
  }
};

// A NaN on either side stays: x as it differs from itself, y because no comparison with it is true.
template <class T, bool kGreatest>
struct Extremum : Plain<T> {
  static T identity() {
    using Limits = std::numeric_limits<T>;
    if constexpr (Limits::has_infinity) return kGreatest ? -Limits::infinity() : Limits::infinity();
    return kGreatest ? Limits::lowest() : Limits::max();
  }
  template <class V>
  static V combine(V x, V y) {
    return ((kGreatest ? x > y : x < y) | (x != x)) ? x : y;
  }
};

struct Any : Plain<uint8_t> {
  static uint8_t identity() { return 0; }
  template <class V>
  static V combine(V x, V y) {
    return x | y;
  }
};

struct All : Plain<uint8_t> {
  static uint8_t identity() { return 1; }
  template <class V>
  static V combine(V x, V y) {
    return x & y;
  }
};

template <class F32, class F64, class I64>
void numbers(const char* kernel, In a, const Ints& axis, Out out) {
  const uint32_t axes = axis_mask(a, axis);
  switch (a.dtype) {
    case DType::f32:
      return cpu::reduce<F32>(a, axes, out);
    case DType::f64:
      return cpu::reduce<F64>(a, axes, out);
    case DType::i64:
      return cpu::reduce<I64>(a, axes, out);
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

void any(In a, const Ints& axis, bool, Out out) { cpu::reduce<Any>(a, axis_mask(a, axis), out); }

void all(In a, const Ints& axis, bool, Out out) { cpu::reduce<All>(a, axis_mask(a, axis), out); }

}  // namespace pe
