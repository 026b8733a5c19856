// where, maximum, minimum, clamp: out[i] is one of the inputs' elements. All wait for memory.
//
// `where` never looks at what it moves, so it works on elements of 1, 2, 4 or 8 bytes, whatever they mean.
#include "kernels/choose.h"

#include "cuda/elementwise.h"

namespace pe {

namespace {

struct Where {
  template <class T>
  __device__ T operator()(uint8_t condition, T a, T b) const {
    return condition != 0 ? a : b;  // any byte but 0 is true
  }
};

// A NaN compares false with everything: as `b` it is asked for, as `a` it is what is left.
struct Maximum {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a < b || b != b ? b : a;
  }
};

struct Minimum {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a > b || b != b ? b : a;
  }
};

struct Clamp {
  template <class T>
  __device__ T operator()(T a, T low, T high) const {
    return Minimum{}(Maximum{}(a, low), high);
  }
};

// float32, float64 and int64, which unlike in `numbers` has its sign.
template <class F, class... Ins>
void ordered(const char* kernel, const F& f, Out out, const Ins&... ins) {
  by_number<false>(kernel, out.dtype, [&](auto type) {
    using T = TypeOf<decltype(type)>;
    elementwise<T, Repeat<T, Ins>...>(f, out, ins...);
  });
}

}  // namespace

void where(In condition, In a, In b, Out out) {
  by_size(itemsize(out.dtype), [&](auto type) {
    using T = TypeOf<decltype(type)>;
    elementwise<T, uint8_t, T, T>(Where{}, out, condition, a, b);
  });
}

void maximum(In a, In b, Out out) { ordered("maximum", Maximum{}, out, a, b); }
void minimum(In a, In b, Out out) { ordered("minimum", Minimum{}, out, a, b); }
void clamp(In a, In low, In high, Out out) { ordered("clamp", Clamp{}, out, a, low, high); }

}  // namespace pe
