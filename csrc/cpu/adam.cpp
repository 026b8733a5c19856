// adam_step: one step of Adam or AdamW over all parameters, in place.
//
//   t += 1;  g = grad + weight_decay · p  (decoupled: p -= lr · weight_decay · p instead)
//   m = β₁ m + (1 - β₁) g;  v = β₂ v + (1 - β₂) g²;  s = v, or with amsgrad the largest v so far
//   p -= lr / (1 - β₁ᵗ) · m / (√(s / (1 - β₂ᵗ)) + eps)
//
// About 14 FLOP an element against 7 elements of memory (read p, g, m, v, write p, m, v; amsgrad 9): limited by memory.
// The idea: all is done while an element is in a register; what depends on t is worked out once for each parameter.
#include "kernels/adam.h"

#include "cpu/param_walk.h"

namespace pe {

namespace {

// What is the same for all elements of a parameter.
struct Factors {
  double rate;    // lr / (1 - β₁ᵗ)
  double unbias;  // 1 / √(1 - β₂ᵗ)
  double beta1, beta2, eps;
  double decay;  // of the gradient
  double keep;   // what decoupled decay leaves of the parameter
};

// 1 - βᵗ; the plain difference would lose all digits of a β near 1.
double bias(double beta, double t) { return -std::expm1(t * std::log(beta)); }

// v: parameter, gradient, m, v, and with amsgrad the largest v.
template <class T, bool kAmsgrad>
struct Update {
  static constexpr unsigned kWrites = kAmsgrad ? 0b11101 : 0b01101;

  explicit Update(const Factors& f)
      : rate(static_cast<T>(f.rate)),
        unbias(static_cast<T>(f.unbias)),
        beta1(static_cast<T>(f.beta1)),
        beta2(static_cast<T>(f.beta2)),
        rest1(static_cast<T>(1 - f.beta1)),
        rest2(static_cast<T>(1 - f.beta2)),
        eps(static_cast<T>(f.eps)),
        decay(static_cast<T>(f.decay)),
        keep(static_cast<T>(f.keep)) {}

  template <class V>
  void operator()(V* v) const {
    const V g = v[1] + decay * v[0];
    v[2] = beta1 * v[2] + rest1 * g;
    v[3] = beta2 * v[3] + rest2 * g * g;
    V square = v[3];
    if constexpr (kAmsgrad) square = v[4] = select((v[3] <= v[4]) | (v[4] != v[4]), v[4], v[3]);  // a NaN stays
    v[0] = keep * v[0] - rate * v[2] / (square_root(square) * unbias + eps);
  }

  T rate, unbias, beta1, beta2, rest1, rest2, eps, decay, keep;
};

template <bool kAmsgrad, int kN>
void step(Factors* factors, int64_t count, const Lists<kN>& lists) {
  walk_params<kN>(count, lists, [&](int64_t, int64_t i, const auto& segment) {
    using T = typename std::remove_cvref_t<decltype(segment)>::Element;
    update_segment(segment, Update<T, kAmsgrad>(factors[i]));
  });
}

}  // namespace

void adam_step(InOutList params, InList grads, InOutList exp_avgs, InOutList exp_avg_sqs, InOutList max_exp_avg_sqs,
               InOutList steps, In lr, In betas, double eps, double weight_decay, bool decoupled) {
  const auto count = static_cast<int64_t>(params.size());
  if (count == 0) return;
  const double rate = value_of(lr), beta1 = value_of(betas, 0), beta2 = value_of(betas, 1);
  Scratch<Factors> factors(count);
  for (int64_t i = 0; i < count; ++i) {
    const double t = advance(steps[i]);
    factors[i] = {rate / bias(beta1, t),        1 / std::sqrt(bias(beta2, t)),          beta1, beta2, eps,
                  decoupled ? 0 : weight_decay, decoupled ? 1 - rate * weight_decay : 1};
  }
  const Array *p = params.data(), *g = grads.data(), *m = exp_avgs.data(), *v = exp_avg_sqs.data();
  if (max_exp_avg_sqs.empty()) {
    step<false, 4>(factors.data(), count, {p, g, m, v});
  } else {
    step<true, 5>(factors.data(), count, {p, g, m, v, max_exp_avg_sqs.data()});
  }
}

}  // namespace pe
