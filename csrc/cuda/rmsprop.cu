// rmsprop_step: one step of RMSprop over all parameters, in place.
//
//   g = grad + weight_decay · p;  s = α s + (1 - α) g²;  centered: a = α a + (1 - α) g
//   u = g / (√s + eps), centered g / (√(s - a²) + eps);  with momentum: b = momentum · b + u, u = b;  p -= lr · u
//
// 9 to 15 FLOP an element against 5 elements of memory (momentum and centered 2 more each): limited by memory. The
// idea: one launch for some hundred tensors (param_lists.h), in which a thread does all for an element while it is in a
// register, and a small one before it that counts the steps.
#include "kernels/rmsprop.h"

#include "cuda/param_steps.h"

namespace pe {

namespace {

using namespace cuda;

struct RmspropSettings {
  Scalar lr, momentum;
  double alpha, eps, weight_decay;
};

// v: parameter, gradient, mean square, then where there are such the mean and the momentum buffer.
template <class T, bool kCentered, bool kMomentum>
struct RmspropUpdate {
  using Settings = RmspropSettings;
  static constexpr int kBuffer = kCentered ? 4 : 3;
  static constexpr unsigned kWrites = 0b101u | (kCentered ? 1u << 3 : 0u) | (kMomentum ? 1u << kBuffer : 0u);

  __device__ RmspropUpdate(const Settings& s, int32_t)
      : lr(static_cast<T>(s.lr.value())),
        alpha(static_cast<T>(s.alpha)),
        rest(static_cast<T>(1 - s.alpha)),
        eps(static_cast<T>(s.eps)),
        weight_decay(static_cast<T>(s.weight_decay)),
        momentum(static_cast<T>(s.momentum.value())) {}

  __device__ void operator()(T* v) const {
    const T g = v[1] + weight_decay * v[0];
    v[2] = alpha * v[2] + rest * g * g;
    T square = v[2];
    if constexpr (kCentered) {
      v[3] = alpha * v[3] + rest * g;
      square = square - v[3] * v[3];
    }
    T move = g / (::sqrt(square) + eps);
    if constexpr (kMomentum) move = v[kBuffer] = momentum * v[kBuffer] + move;
    v[0] = v[0] - lr * move;
  }

  T lr, alpha, rest, eps, weight_decay, momentum;
};
template <class T>
using Plain = RmspropUpdate<T, false, false>;
template <class T>
using Momentum = RmspropUpdate<T, false, true>;
template <class T>
using Centered = RmspropUpdate<T, true, false>;
template <class T>
using CenteredMomentum = RmspropUpdate<T, true, true>;

struct Nothing {
  __device__ void operator()(double, int64_t, bool) const {}
};

}  // namespace

void rmsprop_step(InOutList params, InList grads, InOutList square_avgs, InOutList grad_avgs, InOutList buffers,
                  InOutList steps, In lr, In momentum, double alpha, double eps, double weight_decay) {
  const auto count = static_cast<int64_t>(params.size());
  const RmspropSettings settings{Scalar(lr), Scalar(momentum), alpha, eps, weight_decay};
  advance(params, steps, Nothing{});
  const Array *p = params.data(), *g = grads.data(), *s = square_avgs.data();
  const bool centered = !grad_avgs.empty(), with_momentum = !buffers.empty();
  if (centered && with_momentum) {
    update_all<CenteredMomentum, 5>(count, {p, g, s, grad_avgs.data(), buffers.data()}, settings);
  } else if (centered) {
    update_all<Centered, 4>(count, {p, g, s, grad_avgs.data()}, settings);
  } else if (with_momentum) {
    update_all<Momentum, 4>(count, {p, g, s, buffers.data()}, settings);
  } else {
    update_all<Plain, 3>(count, {p, g, s}, settings);
  }
}

}  // namespace pe
