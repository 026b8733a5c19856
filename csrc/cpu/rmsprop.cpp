// rmsprop_step: one step of RMSprop over all parameters, in place.
//
//   g = grad + weight_decay · p;  s = α s + (1 - α) g²;  centered: a = α a + (1 - α) g
//   u = g / (√s + eps), centered g / (√(s - a²) + eps);  with momentum: b = momentum · b + u, u = b;  p -= lr · u
//
// 9 to 15 FLOP an element against 5 elements of memory (momentum and centered 2 more each): limited by memory. The
// idea: all is done while an element is in a register, in one walk over all parameters (cpu/param_walk.h).
#include "kernels/rmsprop.h"

#include "cpu/param_walk.h"

namespace pe {

namespace {

struct Settings {
  double lr, alpha, eps, weight_decay, momentum;
};

// v: parameter, gradient, mean square, then where there are such the mean and the momentum buffer.
template <class T, bool kCentered, bool kMomentum>
struct Update {
  static constexpr int kBuffer = kCentered ? 4 : 3;
  static constexpr unsigned kWrites = 0b101u | (kCentered ? 1u << 3 : 0u) | (kMomentum ? 1u << kBuffer : 0u);

  explicit Update(const Settings& s)
      : lr(static_cast<T>(s.lr)),
        alpha(static_cast<T>(s.alpha)),
        rest(static_cast<T>(1 - s.alpha)),
        eps(static_cast<T>(s.eps)),
        weight_decay(static_cast<T>(s.weight_decay)),
        momentum(static_cast<T>(s.momentum)) {}

  template <class V>
  void operator()(V* v) const {
    const V g = v[1] + weight_decay * v[0];
    v[2] = alpha * v[2] + rest * g * g;
    V square = v[2];
    if constexpr (kCentered) {
      v[3] = alpha * v[3] + rest * g;
      square = square - v[3] * v[3];
    }
    V move = g / (square_root(square) + eps);
    if constexpr (kMomentum) move = v[kBuffer] = momentum * v[kBuffer] + move;
    v[0] = v[0] - lr * move;
  }

  T lr, alpha, rest, eps, weight_decay, momentum;
};

template <bool kCentered, bool kMomentum, int kN>
void step(const Settings& settings, int64_t count, const Lists<kN>& lists) {
  walk_params<kN>(count, lists, [&](int64_t, int64_t, const auto& segment) {
    using T = typename std::remove_cvref_t<decltype(segment)>::Element;
    update_segment(segment, Update<T, kCentered, kMomentum>(settings));
  });
}

}  // namespace

void rmsprop_step(InOutList params, InList grads, InOutList square_avgs, InOutList grad_avgs, InOutList buffers,
                  InOutList steps, In lr, In momentum, double alpha, double eps, double weight_decay) {
  const auto count = static_cast<int64_t>(params.size());
  const Settings settings{value_of(lr), alpha, eps, weight_decay, value_of(momentum)};
  for (const Array& t : steps) advance(t);
  const Array *p = params.data(), *g = grads.data(), *s = square_avgs.data();
  const bool centered = !grad_avgs.empty(), with_momentum = !buffers.empty();
  if (centered && with_momentum) {
    step<true, true, 5>(settings, count, {p, g, s, grad_avgs.data(), buffers.data()});
  } else if (centered) {
    step<true, false, 4>(settings, count, {p, g, s, grad_avgs.data()});
  } else if (with_momentum) {
    step<false, true, 4>(settings, count, {p, g, s, buffers.data()});
  } else {
    step<false, false, 3>(settings, count, {p, g, s});
  }
}

}  // namespace pe
