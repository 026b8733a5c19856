// out[i] = f(a[i], b[i]) with broadcasting: add, sub, mul, div, neg, relu, relu_backward, exp, square.
//
// Most do 1 FLOP for 2 or 3 elements moved and run at the speed of memory; what there is to gain lies in the walk over
// the arrays (elementwise.h), not here. int64 computes as uint64: its overflow wraps by definition, as NumPy's does.
#include "cpu/elementwise.h"

#include "cpu/vec_math.h"
#include "kernels.h"

namespace pe {

namespace {

struct Add {
  template <class V>
  V operator()(V a, V b) const {
    return a + b;
  }
};

struct Sub {
  template <class V>
  V operator()(V a, V b) const {
    return a - b;
  }
};

struct Mul {
  template <class V>
  V operator()(V a, V b) const {
    return a * b;
  }
};

struct Div {
  template <class V>
  V operator()(V a, V b) const {
    return a / b;
  }
};

struct Neg {
  template <class V>
  V operator()(V a) const {
    return -a;
  }
};

struct Relu {
  template <class V>
  V operator()(V a) const {
    return a <= V{} ? V{} : a;  // this way round a NaN, which compares false, stays
  }
};

struct ReluBackward {
  template <class V>
  V operator()(V grad, V y) const {
    return y > V{} ? grad : V{};
  }
};

struct Exp {
  template <class V>
  V operator()(V a) const {
    return math::exp(a);
  }
};

struct Square {
  template <class V>
  V operator()(V a) const {
    return a * a;
  }
};

template <class T, class>
using Repeat = T;

// One functor on the dtypes that a kernel computes in, inputs and output alike.
template <class F, class... Ins>
void floats(const char* kernel, const F& f, Out out, const Ins&... ins) {
  switch (out.dtype) {
    case DType::f32:
      return cpu::elementwise<float, Repeat<float, Ins>...>(f, out, ins...);
    case DType::f64:
      return cpu::elementwise<double, Repeat<double, Ins>...>(f, out, ins...);
    default:
      throw DTypeError(std::string(kernel) + ": needs float32 or float64, not " + name(out.dtype));
  }
}

template <class F, class... Ins>
void numbers(const char* kernel, const F& f, Out out, const Ins&... ins) {
  if (out.dtype == DType::i64) return cpu::elementwise<uint64_t, Repeat<uint64_t, Ins>...>(f, out, ins...);
  floats(kernel, f, out, ins...);
}

}  // namespace

void add(In a, In b, Out out) { numbers("add", Add{}, out, a, b); }
void sub(In a, In b, Out out) { numbers("sub", Sub{}, out, a, b); }
void mul(In a, In b, Out out) { numbers("mul", Mul{}, out, a, b); }
void div(In a, In b, Out out) { floats("div", Div{}, out, a, b); }
void neg(In a, Out out) { numbers("neg", Neg{}, out, a); }
void relu(In a, Out out) { floats("relu", Relu{}, out, a); }
void relu_backward(In grad, In y, Out out) { floats("relu_backward", ReluBackward{}, out, grad, y); }
void exp(In a, Out out) { floats("exp", Exp{}, out, a); }
void square(In a, Out out) { floats("square", Square{}, out, a); }

}  // namespace pe
