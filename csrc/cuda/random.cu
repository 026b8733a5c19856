// uniform, normal, randint: numbers from the Philox stream of (seed, offset).
//
// uniform: out[i] = low + u[i] · (high - low) with u[i] in [0, 1): the upper 24 bits of one word for float32, 53 bits
// of two for float64. All is computed in float64 and rounded once to T, with no fused multiply-add, so that the bits
// are those of pyengine/reference/random.py on every backend. Ten rounds of two 32-bit multiplications make four words:
// limited by integer arithmetic, not by memory. normal turns pairs of these u into pairs of normal numbers, in float64
// for both dtypes; on a GPU made for games, which has few units for it, that is what takes the time.
#include "kernels/random.h"

#include "cuda/random_pieces.h"

namespace pe {

namespace {

template <class T>
constexpr int kWordsPerElement = sizeof(T) / 4;

template <class T>
constexpr int kElements = 16 / sizeof(T);  // of a thread

// Number k of a thread's in [0, 1), exact in float64.
template <class T>
__device__ inline double unit(const uint32_t* words, int k) {
  if constexpr (sizeof(T) == 4) return static_cast<double>(words[k] >> 8) * 0x1p-24;
  const uint64_t bits = static_cast<uint64_t>(words[2 * k] >> 5) << 26 | words[2 * k + 1] >> 6;
  return static_cast<double>(bits) * 0x1p-53;
}

template <class T>
struct Uniform {
  double low, span;
  __device__ void operator()(const uint32_t* words, T* values) const {
#pragma unroll
    for (int k = 0; k < kElements<T>; ++k)
      values[k] = static_cast<T>(__dadd_rn(low, __dmul_rn(unit<T>(words, k), span)));
  }
};

// The sine and cosine of 2π·turns for turns in [0, 1). Whole quarters are taken off first, which is exact, so both are
// accurate relative to their size, near their zeros too.
__device__ inline void sin_cos(double turns, double& sine, double& cosine) {
  const double quarters = ::rint(4 * turns);
  double s, c;
  ::sincos((turns - quarters * 0.25) * 6.283185307179586477, &s, &c);
  const int quarter = static_cast<int>(quarters);
  const double x = quarter & 1 ? s : c, y = quarter & 1 ? c : s;
  sine = quarter & 2 ? -y : y;
  cosine = (quarter + 1) & 2 ? -x : x;
}

template <class T>
struct Normal {
  double mean, std;
  __device__ void operator()(const uint32_t* words, T* values) const {
#pragma unroll
    for (int k = 0; k < kElements<T>; k += 2) {
      const double radius = std * ::sqrt(-2.0 * ::log(1.0 - unit<T>(words, k)));
      double sine, cosine;
      sin_cos(unit<T>(words, k + 1), sine, cosine);
      values[k] = static_cast<T>(mean + radius * cosine);
      values[k + 1] = static_cast<T>(mean + radius * sine);
    }
  }
};

struct Randint {
  uint64_t first, span;
  __device__ void operator()(const uint32_t* words, int64_t* values) const {
#pragma unroll
    for (int k = 0; k < kElements<int64_t>; ++k) {
      const uint64_t bits = words[2 * k] | uint64_t{words[2 * k + 1]} << 32;
      values[k] = static_cast<int64_t>(first + __umul64hi(bits, span));
    }
  }
};

}  // namespace

void uniform(In state, const Ints&, double low, double high, DType dtype, Out out) {
  by_float("uniform", dtype, [&](auto type) {
    using T = TypeOf<decltype(type)>;
    random_elements<T, kWordsPerElement<T>>(state, Uniform<T>{low, high - low}, out);
  });
}

void normal(In state, const Ints&, double mean, double std, DType dtype, Out out) {
  by_float("normal", dtype, [&](auto type) {
    using T = TypeOf<decltype(type)>;
    random_elements<T, kWordsPerElement<T>>(state, Normal<T>{mean, std}, out);
  });
}

void randint(In state, const Ints&, const Ints& low, const Ints& high, Out out) {
  const auto first = static_cast<uint64_t>(low.values[0]);
  random_elements<int64_t, 2>(state, Randint{first, static_cast<uint64_t>(high.values[0]) - first}, out);
}

}  // namespace pe
