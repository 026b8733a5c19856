// floor_divide and remainder: float by an exact fmod, int64 lane by lane by the processor's division.
//
// fmod of the C library takes some ten nanoseconds; where the quotient is not extremely large, a division and an FMA
// find the same. fmod and C's % have the sign of a; where b's is the other, a further b is added and 1 taken off the
// quotient. Two divisors stop the processor: 0, which is looked for beforehand, and -1, whose quotient of the least
// integer does not exist; int64 wraps there as it does elsewhere.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "cpu/by_dtype.h"
#include "cpu/lane_by_lane.h"
#include "cpu/loops.h"
#include "cpu/vec_math.h"
#include "kernels.h"

namespace pe {

namespace {

template <class Mask>
bool all(Mask mask) {
  uint64_t words[sizeof(Mask) / sizeof(uint64_t)], common = ~uint64_t{0};
  std::memcpy(words, &mask, sizeof(mask));
  for (uint64_t word : words) common &= word;
  return common == ~uint64_t{0};
}

// With the nearest whole number q to a / b, a - q·b needs no more digits than a and b have: the rounding of an FMA
// changes nothing. So does that of adding one |b| more, if q was too large. That holds while q itself is exact.
template <class V>
V fmod(V a, V b) {
  using T = Element<V>;
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
  constexpr T kRound = T(3) * (T(1) / std::numeric_limits<T>::epsilon()) / T(2);  // + kRound leaves no room for digits
  const V ratio = a / b, size = absolute<T>(b);
  if (all((absolute<T>(ratio) < T(0.25) / std::numeric_limits<T>::epsilon()) &
          (size <= std::numeric_limits<T>::max()))) {
    const V q = (ratio + kRound) - kRound;
    const V rest = with_sign<T>(V{} + T(1), a) * (a - q * b);  // as if a were positive
    return with_sign<T>(select(rest < T(0), rest + size, rest), a);
  }
#endif
  return lane_by_lane(a, b, [](T x, T y) { return std::fmod(x, y); });
}

// A divisor that the processor takes: 1 in the place of -1, and of the 0 in lanes beyond an array's end.
template <class V>
V safe(V b) {
  return select((b == 0) | (b == -1), V{} + 1, b);
}

struct Remainder {
  template <class V>
  V operator()(V a, V b) const {
    V rest;
    if constexpr (std::is_floating_point_v<Element<V>>)
      rest = fmod(a, b);
    else
      rest = a % safe(b);
    return select((rest != 0) & ((rest < 0) != (b < 0)), rest + b, rest);
  }
};

struct FloorDivide {
  template <class V>
  V operator()(V a, V b) const {
    if constexpr (std::is_floating_point_v<Element<V>>)
      return of_floats(a, b);
    else
      return of_ints(a, b);
  }

 private:
  // a - rest is a multiple of b, and its quotient whole but for the rounding.
  template <class V>
  static V of_floats(V a, V b) {
    using T = Element<V>;
    const V rest = fmod(a, b), ratio = a / b;
    V quotient = (a - rest) / b;
    quotient = select((rest != 0) & ((rest < 0) != (b < 0)), quotient - T(1), quotient);
    V whole = lane_by_lane(quotient, [](T x) { return std::floor(x); });
    whole = select(quotient - whole > T(0.5), whole + T(1), whole);
    whole = select(quotient == 0, V(with_sign<T>(V{}, ratio)), whole);
    return select(b == 0, ratio, whole);
  }

  template <class V>
  static V of_ints(V a, V b) {
    using U = Vec<uint64_t>;
    const V divisor = safe(b), quotient = a / divisor, rest = a % divisor;
    const V down = quotient + ((rest != 0) & ((rest < 0) != (b < 0)));  // true is -1 in a lane
    return select(b == -1, reinterpret_cast<V>(-reinterpret_cast<U>(a)), down);
  }
};

void require_nonzero(const char* kernel, In b) {
  const Array* const arrays[] = {&b};
  const Walk walk = collapse(arrays, 1);
  cpu::RowCursor row(walk, 0);
  for (int64_t i = 0; i < walk.rows(); ++i, row.next())
    for (int64_t j = 0; j < walk.inner(); ++j)
      if (*reinterpret_cast<const int64_t*>(row.data[0] + j * walk.inner_stride(0)) == 0)
        throw std::domain_error(std::string("an integer is divided by 0; ") + kernel + " in float32 gives inf or NaN");
}

template <class F>
void divide(const char* kernel, const F& f, In a, In b, Out out) {
  if (out.dtype != DType::i64) return cpu::floats(kernel, f, out, a, b);
  if (out.size() == 0) return;
  require_nonzero(kernel, b);
  cpu::elementwise<int64_t, int64_t, int64_t>(f, out, a, b);
}

}  // namespace

void floor_divide(In a, In b, Out out) { divide("floor_divide", FloorDivide{}, a, b, out); }
void remainder(In a, In b, Out out) { divide("remainder", Remainder{}, a, b, out); }

}  // namespace pe
