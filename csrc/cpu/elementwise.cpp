// out[i] = f(a[i], b[i]) with broadcasting: add, sub, mul, div, neg, relu, relu_backward, exp, square.
//
// Most do 1 FLOP for 2 or 3 elements moved and run at the speed of memory; what there is to gain lies in the walk over
// the arrays (elementwise.h), not here. int64 computes as uint64: its overflow wraps by definition, as NumPy's does.
#include "cpu/by_dtype.h"
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

}  // namespace

using cpu::floats;
using cpu::numbers;

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
