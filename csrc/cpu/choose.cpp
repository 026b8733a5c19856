// where, maximum, minimum, clamp: out[i] is one of the inputs' elements.
//
// A choice is one blend of whole vectors. `where` never looks at what it moves, so it works on the bits of elements of
// 1, 2, 4 or 8 bytes, whatever they mean. All wait for memory.
#include "cpu/by_dtype.h"
#include "kernels.h"

namespace pe {

namespace {

struct Where {
  template <class M, class V>
  V operator()(M condition, V a, V b) const {
    return select(condition, a, b);
  }
};

// A NaN compares false with everything: as `b` it is asked for (once, where b is the same for all), as `a` it is what
// is left.
struct Maximum {
  template <class V>
  V operator()(V a, V b) const {
    return select((a < b) | (b != b), b, a);
  }
};

struct Minimum {
  template <class V>
  V operator()(V a, V b) const {
    return select((a > b) | (b != b), b, a);
  }
};

struct Clamp {
  template <class V>
  V operator()(V a, V low, V high) const {
    return Minimum{}(Maximum{}(a, low), high);
  }
};

using cpu::elementwise;

// float32, float64 and int64, which unlike in `numbers` has its sign.
template <class F, class... Ins>
void ordered(const char* kernel, const F& f, Out out, const Ins&... ins) {
  if (out.dtype == DType::i64) return elementwise<int64_t, cpu::Repeat<int64_t, Ins>...>(f, out, ins...);
  cpu::floats(kernel, f, out, ins...);
}

}  // namespace

void where(In condition, In a, In b, Out out) {
  switch (itemsize(out.dtype)) {
    case 1:
      return elementwise<uint8_t, cpu::Bool, uint8_t, uint8_t>(Where{}, out, condition, a, b);
    case 2:
      return elementwise<uint16_t, cpu::Bool, uint16_t, uint16_t>(Where{}, out, condition, a, b);
    case 4:
      return elementwise<uint32_t, cpu::Bool, uint32_t, uint32_t>(Where{}, out, condition, a, b);
    default:
      return elementwise<uint64_t, cpu::Bool, uint64_t, uint64_t>(Where{}, out, condition, a, b);
  }
}

void maximum(In a, In b, Out out) { ordered("maximum", Maximum{}, out, a, b); }
void minimum(In a, In b, Out out) { ordered("minimum", Minimum{}, out, a, b); }
void clamp(In a, In low, In high, Out out) { ordered("clamp", Clamp{}, out, a, low, high); }

}  // namespace pe
