// out[i] = f(a[i]): abs, sign, roots, reciprocals, logarithms, sin, cos, tanh, sigmoid, erf, and rounding.
//
// The first three and the rounding wait for memory like the kernels of elementwise.cpp; the others compute: vec_math.h,
// vec_activations.h and vec_trig.h say how. int64 comes as uint64, whose top bit is the sign.
#include <cmath>

#include "cpu/by_dtype.h"
#include "cpu/lane_by_lane.h"
#include "cpu/vec_activations.h"
#include "cpu/vec_math.h"
#include "cpu/vec_trig.h"
#include "kernels.h"

namespace pe {

namespace {

struct Abs {
  template <class V>
  V operator()(V a) const {
    using T = Element<V>;
    if constexpr (std::is_floating_point_v<T>)
      return absolute<T>(a);
    else
      return (a >> 63) != 0 ? -a : a;
  }
};

struct Sign {
  template <class V>
  V operator()(V a) const {
    using T = Element<V>;
    const V one = V{} + T(1);
    if constexpr (std::is_floating_point_v<T>) {
      const V size = select(a == V{}, V{}, with_sign<T>(one, a));
      return select(a != a, a, size);
    } else {
      return (a >> 63) != 0 ? -one : select(a == V{}, V{}, one);
    }
  }
};

struct Sqrt {
  template <class V>
  V operator()(V a) const {
    return lane_by_lane(a, [](auto x) { return std::sqrt(x); });
  }
};

struct Floor {
  template <class V>
  V operator()(V a) const {
    return lane_by_lane(a, [](auto x) { return std::floor(x); });
  }
};

struct Ceil {
  template <class V>
  V operator()(V a) const {
    return lane_by_lane(a, [](auto x) { return std::ceil(x); });
  }
};

struct Round {
  template <class V>
  V operator()(V a) const {
    return lane_by_lane(a, [](auto x) { return std::nearbyint(x); });
  }
};

struct Trunc {
  template <class V>
  V operator()(V a) const {
    return lane_by_lane(a, [](auto x) { return std::trunc(x); });
  }
};

struct Rsqrt {
  template <class V>
  V operator()(V a) const {
    return 1 / Sqrt{}(a);
  }
};

struct Reciprocal {
  template <class V>
  V operator()(V a) const {
    return 1 / a;
  }
};

struct Log {
  template <class V>
  V operator()(V a) const {
    return math::log(a);
  }
};

struct Log1p {
  template <class V>
  V operator()(V a) const {
    return math::log1p(a);
  }
};

struct Expm1 {
  template <class V>
  V operator()(V a) const {
    return math::expm1(a);
  }
};

struct Sin {
  template <class V>
  V operator()(V a) const {
    return math::sin(a);
  }
};

struct Cos {
  template <class V>
  V operator()(V a) const {
    return math::cos(a);
  }
};

struct Tanh {
  template <class V>
  V operator()(V a) const {
    return math::tanh(a);
  }
};

struct Sigmoid {
  template <class V>
  V operator()(V a) const {
    return math::sigmoid(a);
  }
};

struct Erf {
  template <class V>
  V operator()(V a) const {
    return math::erf(a);
  }
};

}  // namespace

using cpu::floats;
using cpu::numbers;

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
