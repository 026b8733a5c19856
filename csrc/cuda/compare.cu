// out[i] = a[i] < b[i] and its kin, isnan, isinf, isfinite, and logic on bools and on the bits of integers.
//
// One operation for an element of each input and a byte of output: all wait for memory. gt and ge are lt and le with
// their operands exchanged. Bools compare as the bytes 0 and 1 that they are; in logic any byte but 0 is true.
#include "kernels/compare.h"

#include <limits>
#include <string>

#include "cuda/elementwise.h"

namespace pe {

namespace {

struct Equal {
  template <class T>
  __device__ bool operator()(T a, T b) const {
    return a == b;
  }
};

struct NotEqual {
  template <class T>
  __device__ bool operator()(T a, T b) const {
    return a != b;
  }
};

struct Less {
  template <class T>
  __device__ bool operator()(T a, T b) const {
    return a < b;
  }
};

struct LessEqual {
  template <class T>
  __device__ bool operator()(T a, T b) const {
    return a <= b;
  }
};

struct IsNan {
  template <class T>
  __device__ bool operator()(T a) const {
    return a != a;
  }
};

template <class T>
constexpr T kInfinity = std::numeric_limits<T>::infinity();

struct IsInf {
  template <class T>
  __device__ bool operator()(T a) const {
    return (a == kInfinity<T>) | (a == -kInfinity<T>);
  }
};

struct IsFinite {
  template <class T>
  __device__ bool operator()(T a) const {
    return a - a == T{};  // inf - inf and NaN - NaN are NaN
  }
};

// What a byte of a bool means, and the bits of an integer as they are.
__device__ inline uint8_t truth(uint8_t a) { return a != 0; }
__device__ inline uint64_t truth(uint64_t a) { return a; }

struct And {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return static_cast<T>(truth(a) & truth(b));
  }
};

struct Or {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return static_cast<T>(truth(a) | truth(b));
  }
};

struct Xor {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return static_cast<T>(truth(a) ^ truth(b));
  }
};

struct Not {
  __device__ bool operator()(uint8_t a) const { return a == 0; }
  __device__ uint64_t operator()(uint64_t a) const { return ~a; }
};

template <class F>
void compare(const char* kernel, const F& f, In a, In b, Out out) {
  switch (a.dtype) {
    case DType::f32:
      return elementwise<bool, float, float>(f, out, a, b);
    case DType::f64:
      return elementwise<bool, double, double>(f, out, a, b);
    case DType::i64:
      return elementwise<bool, int64_t, int64_t>(f, out, a, b);
    case DType::u8:
    case DType::b8:
      return elementwise<bool, uint8_t, uint8_t>(f, out, a, b);
    default:
      throw DTypeError(std::string(kernel) + ": does not compare " + name(a.dtype));
  }
}

template <class F>
void classify(const char* kernel, const F& f, In a, Out out) {
  by_float(kernel, a.dtype, [&](auto type) { elementwise<bool, TypeOf<decltype(type)>>(f, out, a); });
}

template <class TOut, class TIn, class F, class... Ins>
void logic(const F& f, Out out, const Ins&... ins) {
  elementwise<TOut, Repeat<TIn, Ins>...>(f, out, ins...);
}

template <class F, class... Ins>
void bitwise(const F& f, Out out, const Ins&... ins) {
  if (out.dtype == DType::i64) return logic<uint64_t, uint64_t>(f, out, ins...);
  logic<bool, uint8_t>(f, out, ins...);
}

}  // namespace

void eq(In a, In b, Out out) { compare("eq", Equal{}, a, b, out); }
void ne(In a, In b, Out out) { compare("ne", NotEqual{}, a, b, out); }
void lt(In a, In b, Out out) { compare("lt", Less{}, a, b, out); }
void le(In a, In b, Out out) { compare("le", LessEqual{}, a, b, out); }
void gt(In a, In b, Out out) { compare("gt", Less{}, b, a, out); }
void ge(In a, In b, Out out) { compare("ge", LessEqual{}, b, a, out); }

void isnan(In a, Out out) { classify("isnan", IsNan{}, a, out); }
void isinf(In a, Out out) { classify("isinf", IsInf{}, a, out); }
void isfinite(In a, Out out) { classify("isfinite", IsFinite{}, a, out); }

void bitwise_and(In a, In b, Out out) { bitwise(And{}, out, a, b); }
void bitwise_or(In a, In b, Out out) { bitwise(Or{}, out, a, b); }
void bitwise_xor(In a, In b, Out out) { bitwise(Xor{}, out, a, b); }
void bitwise_not(In a, Out out) { bitwise(Not{}, out, a); }

}  // namespace pe
