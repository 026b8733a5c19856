// gelu, silu, softplus, leaky_relu, elu, and grad · f'(a) for each in one pass.
//
// 20 to 60 FLOP an element against 2 or 3 elements moved: memory decides in float32. gelu_tanh is written with 1 +
// tanh(u) = 2 s(2u): like silu it is then a · s(v(a)), with one exp, and its small negative values keep their digits.
// In f' the complement 1 - s comes from the same exp, never from a difference.
#include "kernels/activations.h"

#include "cuda/elementwise.h"
#include "cuda/math.h"

namespace pe {

namespace {

constexpr double kSqrtHalf = 0.70710678118654752440;       // 1 / sqrt(2)
constexpr double kDensityAtZero = 0.39894228040143267794;  // 1 / sqrt(2 pi)
constexpr double kTwoRoot = 1.5957691216057307117;         // 2 sqrt(2 / pi)
constexpr double kCubic = 0.044715;

// Where a slope is 0 or 1 to the last bit, no further out: powers of `a` would overflow, and infinity times 0 is NaN.
template <class T>
__device__ T bounded(T a, T size) {
  return ::fabs(a) > size ? ::copysign(size, a) : a;  // a NaN stays
}

// s(x) and 1 - s(x)
template <class T>
struct Sigmoids {
  T s, complement;
  __device__ explicit Sigmoids(T x) {
    const T e = ::exp(-::fabs(x));
    const T large = 1 / (1 + e), small = e * large;
    s = x < T(0) ? small : large;
    complement = x < T(0) ? large : small;
  }
};

struct Gelu {
  template <class T>
  __device__ T operator()(T a) const {
    return T(0.5) * a * (1 + ::erf(a * T(kSqrtHalf)));
  }
};

// The normal distribution's function Phi(a) and a times its density.
struct GeluBackward {
  template <class T>
  __device__ T operator()(T grad, T far_or_near) const {
    const T a = bounded(far_or_near, T(200));
    const T phi = T(0.5) * (1 + ::erf(a * T(kSqrtHalf)));
    return grad * (phi + a * T(kDensityAtZero) * ::exp(T(-0.5) * a * a));
  }
};

struct GeluTanh {
  template <class T>
  __device__ T operator()(T a) const {
    return a * sigmoid_of(a * (T(kTwoRoot) + T(kTwoRoot * kCubic) * a * a));
  }
};

// a · s(v) has the slope s + a v' s (1 - s).
struct GeluTanhBackward {
  template <class T>
  __device__ T operator()(T grad, T far_or_near) const {
    const T a = bounded(far_or_near, T(200));
    const T square = a * a;
    const Sigmoids<T> at(a * (T(kTwoRoot) + T(kTwoRoot * kCubic) * square));
    const T slope = T(kTwoRoot) + T(3 * kTwoRoot * kCubic) * square;
    return grad * at.s * (1 + a * slope * at.complement);
  }
};

struct Silu {
  template <class T>
  __device__ T operator()(T a) const {
    return a * sigmoid_of(a);
  }
};

struct SiluBackward {
  template <class T>
  __device__ T operator()(T grad, T far_or_near) const {
    const T a = bounded(far_or_near, T(20000));
    const Sigmoids<T> at(a);
    return grad * at.s * (1 + a * at.complement);
  }
};

// max(t, 0) + log1p(exp(-|t|)) overflows for no t = beta · a.
struct Softplus {
  double beta, threshold;
  template <class T>
  __device__ T operator()(T a) const {
    const T t = a * static_cast<T>(beta);
    const T log = ::log1p(::exp(-::fabs(t)));
    const T smooth = ((t < T(0) ? T(0) : t) + log) / static_cast<T>(beta);
    return t > static_cast<T>(threshold) ? a : smooth;
  }
};

struct SoftplusBackward {
  double beta, threshold;
  template <class T>
  __device__ T operator()(T grad, T a) const {
    const T t = a * static_cast<T>(beta);
    return t > static_cast<T>(threshold) ? grad : grad * sigmoid_of(t);
  }
};

struct LeakyRelu {
  double negative_slope;
  template <class T>
  __device__ T operator()(T a) const {
    return a > T(0) ? a : static_cast<T>(negative_slope) * a;
  }
};

struct LeakyReluBackward {
  double negative_slope;
  template <class T>
  __device__ T operator()(T grad, T a) const {
    return a > T(0) ? grad : static_cast<T>(negative_slope) * grad;
  }
};

struct Elu {
  double alpha;
  template <class T>
  __device__ T operator()(T a) const {
    return a > T(0) ? a : static_cast<T>(alpha) * ::expm1(a);
  }
};

struct EluBackward {
  double alpha;
  template <class T>
  __device__ T operator()(T grad, T a) const {
    return a > T(0) ? grad : grad * (static_cast<T>(alpha) * ::exp(a));
  }
};

}  // namespace

void gelu(In a, Out out) { floats("gelu", Gelu{}, out, a); }
void gelu_tanh(In a, Out out) { floats("gelu_tanh", GeluTanh{}, out, a); }
void silu(In a, Out out) { floats("silu", Silu{}, out, a); }
void softplus(In a, double beta, double threshold, Out out) { floats("softplus", Softplus{beta, threshold}, out, a); }
void leaky_relu(In a, double negative_slope, Out out) { floats("leaky_relu", LeakyRelu{negative_slope}, out, a); }
void elu(In a, double alpha, Out out) { floats("elu", Elu{alpha}, out, a); }

void gelu_backward(In grad, In a, Out out) { floats("gelu_backward", GeluBackward{}, out, grad, a); }
void gelu_tanh_backward(In grad, In a, Out out) { floats("gelu_tanh_backward", GeluTanhBackward{}, out, grad, a); }
void silu_backward(In grad, In a, Out out) { floats("silu_backward", SiluBackward{}, out, grad, a); }
void softplus_backward(In grad, In a, double beta, double threshold, Out out) {
  floats("softplus_backward", SoftplusBackward{beta, threshold}, out, grad, a);
}
void leaky_relu_backward(In grad, In a, double negative_slope, Out out) {
  floats("leaky_relu_backward", LeakyReluBackward{negative_slope}, out, grad, a);
}
void elu_backward(In grad, In a, double alpha, Out out) { floats("elu_backward", EluBackward{alpha}, out, grad, a); }

}  // namespace pe
