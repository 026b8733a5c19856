// sgd_step: one step of stochastic gradient descent over all parameters, in place.
//
//   g = grad + weight_decay · p;  with buffers: b = momentum · b + g, g = b (nesterov: g + momentum · b);  p -= lr · g
//
// 4 to 8 FLOP an element against 3 (with momentum 5) elements of memory: limited by memory. The idea: all is done while
// an element is in a register, in one walk over all parameters (cpu/param_walk.h).
#include "kernels/sgd.h"

#include "cpu/param_walk.h"

namespace pe {

namespace {

struct Settings {
  double lr, momentum, weight_decay;
};

// v: parameter, gradient, and with momentum its buffer.
template <class T, bool kMomentum, bool kNesterov>
struct Update {
  static constexpr unsigned kWrites = kMomentum ? 0b101 : 0b001;

  explicit Update(const Settings& s)
      : lr(static_cast<T>(s.lr)), momentum(static_cast<T>(s.momentum)), weight_decay(static_cast<T>(s.weight_decay)) {}

  template <class V>
  void operator()(V* v) const {
    V g = v[1] + weight_decay * v[0];
    if constexpr (kMomentum) {
      v[2] = momentum * v[2] + g;
      g = kNesterov ? g + momentum * v[2] : v[2];
    }
    v[0] = v[0] - lr * g;
  }

  T lr, momentum, weight_decay;
};

template <bool kMomentum, bool kNesterov, int kN>
void step(const Settings& settings, int64_t count, const Lists<kN>& lists) {
  walk_params<kN>(count, lists, [&](int64_t, int64_t, const auto& segment) {
    using T = typename std::remove_cvref_t<decltype(segment)>::Element;
    update_segment(segment, Update<T, kMomentum, kNesterov>(settings));
  });
}

}  // namespace

void sgd_step(InOutList params, InList grads, InOutList buffers, In lr, In momentum, double weight_decay,
              bool nesterov) {
  const auto count = static_cast<int64_t>(params.size());
  const Settings settings{value_of(lr), value_of(momentum), weight_decay};
  if (buffers.empty()) {
    step<false, false, 2>(settings, count, {params.data(), grads.data()});
  } else if (nesterov) {
    step<true, true, 3>(settings, count, {params.data(), grads.data(), buffers.data()});
  } else {
    step<true, false, 3>(settings, count, {params.data(), grads.data(), buffers.data()});
  }
}

}  // namespace pe
