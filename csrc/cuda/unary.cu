// out[i] = f(a[i]): abs, sign, roots, reciprocals, logarithms, sin, cos, tanh, sigmoid, erf, and rounding.
//
// All wait for memory; CUDA's own functions are within 2 ulp, as those of csrc/cpu are. int64 comes as uint64, whose
// top bit is the sign.
#include "kernels/unary.h"

#include "cuda/elementwise.h"
#include "cuda/math.h"

namespace pe {

namespace {

struct Abs {
  template <class T>
  __device__ T operator()(T a) const {
    if constexpr (std::is_floating_point_v<T>)
      return ::fabs(a);
    else
      return (a >> 63) != 0 ? -a : a;
  }
};

struct Sign {
  template <class T>
  __device__ T operator()(T a) const {
    if constexpr (std::is_floating_point_v<T>)
      return a != a ? a : a == 0 ? T(0) : ::copysign(T(1), a);
    else
      return (a >> 63) != 0 ? ~T(0) : T(a != 0);
  }
};

struct Rsqrt {
  template <class T>
  __device__ T operator()(T a) const {
    return 1 / ::sqrt(a);  // rounded twice, as the definition is; rsqrt() is one instruction and less exact
  }
};

struct Reciprocal {
  template <class T>
  __device__ T operator()(T a) const {
    return 1 / a;
  }
};

struct Sigmoid {
  template <class T>
  __device__ T operator()(T a) const {
    return sigmoid_of(a);
  }
};

struct Sqrt {
  template <class T>
  __device__ T operator()(T a) const {
    return ::sqrt(a);
  }
};

struct Log {
  template <class T>
  __device__ T operator()(T a) const {
    return ::log(a);
  }
};

struct Log1p {
  template <class T>
  __device__ T operator()(T a) const {
    return ::log1p(a);
  }
};

struct Expm1 {
  template <class T>
  __device__ T operator()(T a) const {
    return ::expm1(a);
  }
};

struct Sin {
  template <class T>
  __device__ T operator()(T a) const {
    return ::sin(a);
  }
};

struct Cos {
  template <class T>
  __device__ T operator()(T a) const {
    return ::cos(a);
  }
};

struct Tanh {
  template <class T>
  __device__ T operator()(T a) const {
    return ::tanh(a);
  }
};

struct Erf {
  template <class T>
  __device__ T operator()(T a) const {
    return ::erf(a);
  }
};

struct Floor {
  template <class T>
  __device__ T operator()(T a) const {
    return ::floor(a);
  }
};

struct Ceil {
  template <class T>
  __device__ T operator()(T a) const {
    return ::ceil(a);
  }
};

struct Round {
  template <class T>
  __device__ T operator()(T a) const {
    return ::nearbyint(a);
  }
};

struct Trunc {
  template <class T>
  __device__ T operator()(T a) const {
    return ::trunc(a);
  }
};

}  // namespace

void abs(In a, Out out) { numbers("abs", Abs{}, out, a); }
void sign(In a, Out out) { numbers("sign", Sign{}, out, a); }
void sqrt(In a, Out out) { floats("sqrt", Sqrt{}, out, a); }
void rsqrt(In a, Out out) { floats("rsqrt", Rsqrt{}, out, a); }
void reciprocal(In a, Out out) { floats("reciprocal", Reciprocal{}, out, a); }
void log(In a, Out out) { floats("log", Log{}, out, a); }
void log1p(In a, Out out) { floats("log1p", Log1p{}, out, a); }
void expm1(In a, Out out) { floats("expm1", Expm1{}, out, a); }
void sin(In a, Out out) { floats("sin", Sin{}, out, a); }
void cos(In a, Out out) { floats("cos", Cos{}, out, a); }
void tanh(In a, Out out) { floats("tanh", Tanh{}, out, a); }
void sigmoid(In a, Out out) { floats("sigmoid", Sigmoid{}, out, a); }
void erf(In a, Out out) { floats("erf", Erf{}, out, a); }
void floor(In a, Out out) { floats("floor", Floor{}, out, a); }
void ceil(In a, Out out) { floats("ceil", Ceil{}, out, a); }
void round(In a, Out out) { floats("round", Round{}, out, a); }
void trunc(In a, Out out) { floats("trunc", Trunc{}, out, a); }

}  // namespace pe
