// out[i] = f(a[i], b[i]) with broadcasting: add, sub, mul, div, neg, relu, relu_backward, exp, square.
//
// 1 FLOP for 2 or 3 elements moved: the speed is that of memory, and what there is to gain lies in the accesses
// (elementwise.h). int64 computes as uint64, whose overflow wraps by definition, as NumPy's does.
#include "kernels/elementwise.h"

#include "cuda/elementwise.h"

namespace pe {

namespace {

struct Add {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};

struct Sub {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a - b;
  }
};

struct Mul {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a * b;
  }
};

struct Div {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a / b;
  }
};

struct Neg {
  template <class T>
  __device__ T operator()(T a) const {
    return -a;
  }
};

struct Relu {
  template <class T>
  __device__ T operator()(T a) const {
    return a <= T{} ? T{} : a;  // this way round a NaN, which compares false, stays
  }
};

struct ReluBackward {
  template <class T>
  __device__ T operator()(T grad, T y) const {
    return y > T{} ? grad : T{};
  }
};

struct Exp {
  template <class T>
  __device__ T operator()(T a) const {
    return ::exp(a);
  }
};

struct Square {
  template <class T>
  __device__ T operator()(T a) const {
    return a * a;
  }
};

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
