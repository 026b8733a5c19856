// Losses element by element: huber and bce_with_logits, and their slopes.
//
// bce_with_logits takes about 40 FLOP, for exp and log, against 3 elements moved, the others are memory bound.
// log(1 + exp(-a)) is taken as log1p(exp(-|a|)) + max(-a, 0): nothing overflows, and what is small keeps its digits.
#include "cpu/elementwise.h"
#include "cpu/vec_activations.h"
#include "cpu/vec_math.h"
#include "kernels.h"

namespace pe {

namespace {

template <class V>
inline V size_of(V a) {
  return a < V{} ? -a : a;
}

struct Huber {
  double delta;
  template <class V>
  V operator()(V a) const {
    using T = std::remove_cvref_t<decltype(a[0])>;
    const T limit = static_cast<T>(delta);
    const V size = size_of(a);
    return size > limit ? limit * (size - T(0.5) * limit) : T(0.5) * a * a;
  }
};

struct ClipSize {
  double most;
  template <class V>
  V operator()(V a) const {
    using T = std::remove_cvref_t<decltype(a[0])>;
    const T limit = static_cast<T>(most);
    const V below = a > limit ? limit - V{} : a;
    return below < -limit ? -limit - V{} : below;
  }
};

struct SmallSize {
  double most;
  template <class V>
  V operator()(V a) const {
    using T = std::remove_cvref_t<decltype(a[0])>;
    return size_of(a) < static_cast<T>(most) ? T(1) - V{} : V{};
  }
};

struct Bce {
  template <class V>
  V operator()(V a, V target, V pos_weight) const {
    const V overflow_free = math::log1p(math::exp(-size_of(a)));
    const V softplus = overflow_free + (a < V{} ? -a : V{});  // log(1 + exp(-a))
    return (1 - target) * a + (1 + (pos_weight - 1) * target) * (a != a ? a : softplus);
  }
};

struct BceSlope {
  template <class V>
  V operator()(V a, V target, V pos_weight) const {
    return (1 - target) - (1 + (pos_weight - 1) * target) * math::sigmoid(-a);
  }
};

template <class F, class... Ins>
void floats(const F& f, Out out, const Ins&... ins) {
  if (out.dtype == DType::f32) return cpu::elementwise<float, std::conditional_t<true, float, Ins>...>(f, out, ins...);
  cpu::elementwise<double, std::conditional_t<true, double, Ins>...>(f, out, ins...);
}

}  // namespace

void huber(In a, double delta, Out out) { floats(Huber{delta}, out, a); }
void clip_size(In a, double most, Out out) { floats(ClipSize{most}, out, a); }
void small_size(In a, double most, Out out) { floats(SmallSize{most}, out, a); }
void bce_with_logits(In a, In target, In pos_weight, Out out) { floats(Bce{}, out, a, target, pos_weight); }
void bce_with_logits_slope(In a, In target, In pos_weight, Out out) { floats(BceSlope{}, out, a, target, pos_weight); }

}  // namespace pe
