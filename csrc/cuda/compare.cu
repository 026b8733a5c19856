// out[i] = a[i] < b[i] and its kin, isnan, isinf, isfinite, and logic on bools and on the bits of integers.
//
// All wait for memory. gt and ge are lt and le with their operands exchanged. Bools compare as the bytes 0 and 1.
#include "kernels/compare.h"

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

struct IsInf {
  template <class T>
  __device__ bool operator()(T a) const {
    return a - a != 0 && a == a;  // inf - inf is NaN
  }
};

struct IsFinite {
  template <class T>
  __device__ bool operator()(T a) const {
    return a - a == 0;
  }
};

struct And {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a & b;
  }
};

struct Or {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a | b;
  }
};

struct Xor {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a ^ b;
  }
};

struct Not {
  template <class T>
  __device__ T operator()(T a) const {
    if constexpr (std::is_same_v<T, bool>)
      return !a;
    else
      return ~a;
  }
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
void classify(const F& f, In a, Out out) {
  if (a.dtype == DType::f64) return elementwise<bool, double>(f, out, a);
  elementwise<bool, float>(f, out, a);
}

template <class F, class... Ins>
void bitwise(const F& f, Out out, const Ins&... ins) {
  if (out.dtype == DType::i64) return elementwise<uint64_t, Repeat<uint64_t, Ins>...>(f, out, ins...);
  elementwise<bool, Repeat<bool, Ins>...>(f, out, ins...);
}

}  // namespace

void eq(In a, In b, Out out) { compare("eq", Equal{}, a, b, out); }
void ne(In a, In b, Out out) { compare("ne", NotEqual{}, a, b, out); }
void lt(In a, In b, Out out) { compare("lt", Less{}, a, b, out); }
void le(In a, In b, Out out) { compare("le", LessEqual{}, a, b, out); }
void gt(In a, In b, Out out) { compare("gt", Less{}, b, a, out); }
void ge(In a, In b, Out out) { compare("ge", LessEqual{}, b, a, out); }

void isnan(In a, Out out) { classify(IsNan{}, a, out); }
void isinf(In a, Out out) { classify(IsInf{}, a, out); }
void isfinite(In a, Out out) { classify(IsFinite{}, a, out); }

void bitwise_and(In a, In b, Out out) { bitwise(And{}, out, a, b); }
void bitwise_or(In a, In b, Out out) { bitwise(Or{}, out, a, b); }
void bitwise_xor(In a, In b, Out out) { bitwise(Xor{}, out, a, b); }
void bitwise_not(In a, Out out) { bitwise(Not{}, out, a); }

}  // namespace pe
