// adam_step: one step of Adam or AdamW over all parameters, in place.
//
//   t += 1;  g = grad + weight_decay · p  (decoupled: p -= lr · weight_decay · p instead)
//   m = β₁ m + (1 - β₁) g;  v = β₂ v + (1 - β₂) g²;  s = v, or with amsgrad the largest v so far
//   p -= lr / (1 - β₁ᵗ) · m / (√(s / (1 - β₂ᵗ)) + eps)
//
// About 14 FLOP an element against 7 elements of memory (read p, g, m, v, write p, m, v; amsgrad 9): limited by memory.
// The idea: one launch for some hundred tensors (param_lists.h), in which a thread does all for an element while it is
// in a register. A small launch before it counts the steps and works out, once a parameter and in double, what depends
// on t; lr and betas are read there, so that a recorded step follows them.
#include "kernels/adam.h"

#include "cuda/param_steps.h"
#include "cuda/scratch.h"

namespace pe {

namespace {

using namespace cuda;

// What is the same for all elements of a parameter, in its own type.
template <class T>
struct Factors {
  T rate;    // lr / (1 - β₁ᵗ)
  T unbias;  // 1 / √(1 - β₂ᵗ)
  T beta1, rest1, beta2, rest2, eps;
  T decay;  // of the gradient
  T keep;   // what decoupled decay leaves of the parameter
};
using Slot = Factors<double>;  // one a parameter; the Factors<float> of a float32 parameter lie in its first half

// 1 - βᵗ; the plain difference would lose all digits of a β near 1.
__device__ double bias(double beta, double t) { return -::expm1(t * ::log(beta)); }

struct MakeFactors {
  Scalar lr, beta1, beta2;
  double eps, weight_decay;
  bool decoupled;
  Slot* slots;

  template <class T>
  __device__ void make(double t, Factors<T>* to) const {
    const double rate = lr.value(), b1 = beta1.value(), b2 = beta2.value();
    to->rate = static_cast<T>(rate / bias(b1, t));
    to->unbias = static_cast<T>(1 / ::sqrt(bias(b2, t)));
    to->beta1 = static_cast<T>(b1);
    to->rest1 = static_cast<T>(1 - b1);
    to->beta2 = static_cast<T>(b2);
    to->rest2 = static_cast<T>(1 - b2);
    to->eps = static_cast<T>(eps);
    to->decay = static_cast<T>(decoupled ? 0 : weight_decay);
    to->keep = static_cast<T>(decoupled ? 1 - rate * weight_decay : 1);
  }

  __device__ void operator()(double t, int64_t i, bool wide) const {
    wide ? make(t, slots + i) : make(t, reinterpret_cast<Factors<float>*>(slots + i));
  }
};

// v: parameter, gradient, m, v, and with amsgrad the largest v.
template <class T, bool kAmsgrad>
struct AdamUpdate {
  using Settings = Slot*;
  static constexpr unsigned kWrites = kAmsgrad ? 0b11101 : 0b01101;

  __device__ AdamUpdate(Slot* slots, int32_t number) : f(*reinterpret_cast<const Factors<T>*>(slots + number)) {}

  __device__ void operator()(T* v) const {
    const T g = v[1] + f.decay * v[0];
    v[2] = f.beta1 * v[2] + f.rest1 * g;
    v[3] = f.beta2 * v[3] + f.rest2 * g * g;
    T square = v[3];
    if constexpr (kAmsgrad) square = v[4] = ((v[3] <= v[4]) | (v[4] != v[4])) ? v[4] : v[3];  // a NaN stays
    v[0] = f.keep * v[0] - f.rate * v[2] / (::sqrt(square) * f.unbias + f.eps);
  }

  Factors<T> f;
};
template <class T>
using Adam = AdamUpdate<T, false>;
template <class T>
using Amsgrad = AdamUpdate<T, true>;

}  // namespace

void adam_step(InOutList params, InList grads, InOutList exp_avgs, InOutList exp_avg_sqs, InOutList max_exp_avg_sqs,
               InOutList steps, In lr, In betas, double eps, double weight_decay, bool decoupled) {
  const auto count = static_cast<int64_t>(params.size());
  if (count == 0) return;
  DeviceScratch<Slot> factors(count);
  advance(params, steps,
          MakeFactors{Scalar(lr), Scalar(betas, 0), Scalar(betas, 1), eps, weight_decay, decoupled, factors.data()});
  const Array *p = params.data(), *g = grads.data(), *m = exp_avgs.data(), *v = exp_avg_sqs.data();
  if (max_exp_avg_sqs.empty()) {
    update_all<Adam, 4>(count, {p, g, m, v}, factors.data());
  } else {
    update_all<Amsgrad, 5>(count, {p, g, m, v, max_exp_avg_sqs.data()}, factors.data());
  }
}

}  // namespace pe
