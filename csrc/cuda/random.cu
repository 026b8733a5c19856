// uniform, normal, randint: numbers from the Philox stream of (seed, offset).
//
// uniform: out[i] = low + u[i] · (high - low), u[i] in [0, 1): 24 bits of one word for float32, 53 of two for float64.
// normal: Box and Muller's pairs of these. All is computed in float64 with no fused multiply-add and rounded once, so
// that uniform and randint have the same bits on every backend. A thread makes the elements of one block of the cipher:
// four float32 or two of 8 bytes. Limited by integer arithmetic, normal by log, sine and cosine in double.
#include "kernels/random.h"

#include "cuda/by_dtype.h"
#include "cuda/philox.h"
#include "cuda/strided.h"

namespace pe {

namespace {

// u of words[0] (float32) or of words[0] and words[1] (float64), exact in float64.
template <class T>
__device__ double unit(const uint32_t* words) {
  if constexpr (sizeof(T) == 4)
    return (words[0] >> 8) * 0x1p-24;
  else
    return ((words[0] >> 5) * 0x1p26 + (words[1] >> 6)) * 0x1p-53;
}

// a + b · c rounded twice.
__device__ double plus_product(double a, double b, double c) { return __dadd_rn(a, __dmul_rn(b, c)); }

template <class T>
struct Uniform {
  static constexpr int kWords = sizeof(T) / 4;
  double low, span;

  __device__ void operator()(const uint32_t* words, T (&values)[2]) const {
    for (int i = 0; i < 2; ++i) values[i] = static_cast<T>(plus_product(low, unit<T>(words + i * kWords), span));
  }
};

// Sine and cosine of 2π·turns. Whole quarters are taken off first, which is exact: the cosine of an angle near π/2 is
// not.
__device__ void sin_cos_of_turn(double turns, double& sine, double& cosine) {
  const double quarters = ::rint(4 * turns);
  const double angle = 6.283185307179586477 * (turns - quarters / 4);
  const double s = ::sin(angle), c = ::cos(angle);
  const int quarter = static_cast<int>(quarters) % 4;
  sine = quarter == 0 ? s : quarter == 1 ? c : quarter == 2 ? -s : -c;
  cosine = quarter == 0 ? c : quarter == 1 ? -s : quarter == 2 ? -c : s;
}

template <class T>
struct Normal {
  static constexpr int kWords = sizeof(T) / 4;
  double mean, std;

  __device__ void operator()(const uint32_t* words, T (&values)[2]) const {
    const double radius = std * ::sqrt(-2.0 * ::log(1.0 - unit<T>(words)));
    double sine, cosine;
    sin_cos_of_turn(unit<T>(words + kWords), sine, cosine);
    values[0] = static_cast<T>(mean + radius * cosine);
    values[1] = static_cast<T>(mean + radius * sine);
  }
};

struct Integers {
  static constexpr int kWords = 2;
  uint64_t low, span;

  __device__ void operator()(const uint32_t* words, int64_t (&values)[2]) const {
    for (int i = 0; i < 2; ++i) {
      const uint64_t bits = words[2 * i] | uint64_t{words[2 * i + 1]} << 32;
      values[i] = static_cast<int64_t>(low + __umul64hi(bits, span));
    }
  }
};

// Make turns the words of two elements into them. `out` is walked in row-major order.
template <class T, class Make>
__global__ void __launch_bounds__(kThreads) draw_pairs(StreamState state, Strided<1> out, Make make) {
  Words stream(state);
  T* data = out.data<T>(0);
  for (int64_t pair = grid_thread(); 2 * pair < out.size; pair += grid_threads()) {
    uint32_t words[2 * Make::kWords];
    T values[2];
    stream.take(2 * pair * Make::kWords, words);
    make(words, values);
    data[out.offsets(2 * pair)[0]] = values[0];
    if (2 * pair + 1 < out.size) data[out.offsets(2 * pair + 1)[0]] = values[1];
  }
}

template <class T, class Make>
void draw(In state, const Make& make, Out out) {
  if (out.size() == 0) return;
  enqueue(draw_pairs<T, Make>, blocks_for(ceil_div(out.size(), 2), kThreads), kThreads)(StreamState(state),
                                                                                        row_major(out), make);
}

}  // namespace

void uniform(In state, const Ints&, double low, double high, DType dtype, Out out) {
  by_float("uniform", dtype, [&](auto type) {
    using T = TypeOf<decltype(type)>;
    draw<T>(state, Uniform<T>{low, high - low}, out);
  });
}

void normal(In state, const Ints&, double mean, double std, DType dtype, Out out) {
  by_float("normal", dtype, [&](auto type) {
    using T = TypeOf<decltype(type)>;
    draw<T>(state, Normal<T>{mean, std}, out);
  });
}

void randint(In state, const Ints&, const Ints& low, const Ints& high, Out out) {
  const auto first = static_cast<uint64_t>(low.values[0]);
  draw<int64_t>(state, Integers{first, static_cast<uint64_t>(high.values[0]) - first}, out);
}

}  // namespace pe
