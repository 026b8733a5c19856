// Losses element by element: huber and bce_with_logits, and their slopes.
//
// bce_with_logits takes about 40 FLOP, for exp and log, against 3 elements moved, the others 1 to 4 against 2: memory
// bound (elementwise.h). log(1 + exp(-a)) is taken as log1p(exp(-|a|)) + max(-a, 0): nothing overflows, and what is
// small keeps its digits.
#include "kernels/losses.h"

#include "cuda/elementwise.h"

namespace pe {

namespace {

template <class T>
__device__ T size_of(T a) {
  return a < 0 ? -a : a;
}

struct Huber {
  double delta;
  template <class T>
  __device__ T operator()(T a) const {
    const T limit = static_cast<T>(delta), size = size_of(a);
    return size > limit ? limit * (size - T(0.5) * limit) : T(0.5) * a * a;
  }
};

struct ClipSize {
  double most;
  template <class T>
  __device__ T operator()(T a) const {
    const T limit = static_cast<T>(most);
    return a > limit ? limit : a < -limit ? -limit : a;  // a NaN, which compares false, stays
  }
};

struct SmallSize {
  double most;
  template <class T>
  __device__ T operator()(T a) const {
    return size_of(a) < static_cast<T>(most) ? T(1) : T(0);
  }
};

struct Bce {
  template <class T>
  __device__ T operator()(T a, T target, T pos_weight) const {
    const T softplus = ::log1p(::exp(-size_of(a))) + (a < 0 ? -a : T(0));  // log(1 + exp(-a))
    return (1 - target) * a + (1 + (pos_weight - 1) * target) * softplus;
  }
};

struct BceSlope {
  template <class T>
  __device__ T operator()(T a, T target, T pos_weight) const {
    const T e = ::exp(-size_of(a)), complement = (a > 0 ? e : T(1)) / (1 + e);  // 1 - sigmoid(a)
    return (1 - target) - (1 + (pos_weight - 1) * target) * complement;
  }
};

}  // namespace

void huber(In a, double delta, Out out) { floats("huber", Huber{delta}, out, a); }
void clip_size(In a, double most, Out out) { floats("clip_size", ClipSize{most}, out, a); }
void small_size(In a, double most, Out out) { floats("small_size", SmallSize{most}, out, a); }
void bce_with_logits(In a, In target, In pos_weight, Out out) {
  floats("bce_with_logits", Bce{}, out, a, target, pos_weight);
}
void bce_with_logits_slope(In a, In target, In pos_weight, Out out) {
  floats("bce_with_logits_slope", BceSlope{}, out, a, target, pos_weight);
}

}  // namespace pe
