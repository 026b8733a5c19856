// sgd_step: one step of stochastic gradient descent over all parameters, in place.
//
//   g = grad + weight_decay · p;  with buffers: b = momentum · b + g, g = b (nesterov: g + momentum · b);  p -= lr · g
//
// 4 to 8 FLOP an element against 3 (with momentum 5) elements of memory: limited by memory. The idea: one launch for
// some hundred tensors (param_lists.h), in which a thread does all for an element while it is in a register; lr and
// momentum are read by the kernel, so that a recorded step follows them.
#include "kernels/sgd.h"

#include "cuda/param_lists.h"

namespace pe {

namespace {

using namespace cuda;

struct SgdSettings {
  Scalar lr, momentum;
  double weight_decay;
};

// v: parameter, gradient, and with momentum its buffer.
template <class T, bool kMomentum, bool kNesterov>
struct SgdUpdate {
  using Settings = SgdSettings;
  static constexpr unsigned kWrites = kMomentum ? 0b101 : 0b001;

  __device__ SgdUpdate(const Settings& s, int32_t)
      : lr(static_cast<T>(s.lr.value())),
        momentum(static_cast<T>(s.momentum.value())),
        weight_decay(static_cast<T>(s.weight_decay)) {}

  __device__ void operator()(T* v) const {
    T g = v[1] + weight_decay * v[0];
    if constexpr (kMomentum) {
      v[2] = momentum * v[2] + g;
      g = kNesterov ? g + momentum * v[2] : v[2];
    }
    v[0] = v[0] - lr * g;
  }

  T lr, momentum, weight_decay;
};
template <class T>
using Plain = SgdUpdate<T, false, false>;
template <class T>
using Momentum = SgdUpdate<T, true, false>;
template <class T>
using Nesterov = SgdUpdate<T, true, true>;

}  // namespace

void sgd_step(InOutList params, InList grads, InOutList buffers, In lr, In momentum, double weight_decay,
              bool nesterov) {
  const auto count = static_cast<int64_t>(params.size());
  const SgdSettings settings{Scalar(lr), Scalar(momentum), weight_decay};
  if (buffers.empty()) {
    update_all<Plain, 2>(count, {params.data(), grads.data()}, settings);
  } else if (nesterov) {
    update_all<Nesterov, 3>(count, {params.data(), grads.data(), buffers.data()}, settings);
  } else {
    update_all<Momentum, 3>(count, {params.data(), grads.data(), buffers.data()}, settings);
  }
}

}  // namespace pe
