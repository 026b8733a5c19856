// uniform, normal, randint: numbers from the Philox stream of (seed, offset).
//
// uniform: out[i] = low + u[i] · (high - low) with u[i] in [0, 1) from the Philox stream of (seed, offset).
//
// float32 takes the upper 24 bits of one word, float64 53 bits of two; all is computed in float64 and rounded once to
// T, with no fused multiply-add, so that the bits are those of pyengine/reference/random.py on every backend. Ten
// rounds of two 32-bit multiplications make four words: limited by integer arithmetic, not by memory. The idea: words
// are made for a few hundred elements at a time, several blocks of the cipher side by side, then converted as whole
// vectors. normal turns pairs of these u into pairs of normal numbers, in float64 for both dtypes: log, square root,
// sine and cosine for two elements cost as much as making their words does.
#include "kernels/random.h"

#include <cmath>
#include <utility>

#include "cpu/random_pieces.h"
#include "cpu/vec_math.h"

namespace pe {

namespace {

template <class T>
constexpr int kWordsPerElement = sizeof(T) / 4;

struct Range {
  double low, span;
};

inline Vec<double> scaled(Vec<double> u, Range range) { return range.low + rounded(u * range.span); }

constexpr int W = kLanes<double>;
typedef uint32_t WordVec __attribute__((vector_size(W * 4), may_alias, aligned(4)));
typedef int32_t IntVec __attribute__((vector_size(W * 4)));
typedef float FloatVec __attribute__((vector_size(W * 4), may_alias, aligned(4)));

// Writes up to W - 1 elements beyond `count`.
void convert(const uint32_t* words, int64_t count, Range range, float* out) {
  for (int64_t i = 0; i < count; i += W) {
    const WordVec word = *reinterpret_cast<const WordVec*>(words + i);
    const Vec<double> u = __builtin_convertvector(reinterpret_cast<IntVec>(word >> 8), Vec<double>) * 0x1p-24;
    *reinterpret_cast<FloatVec*>(out + i) = __builtin_convertvector(scaled(u, range), FloatVec);
  }
}

void convert(const uint32_t* words, int64_t count, Range range, double* out) {
  const Vec<uint64_t> two_to_52 = bits_of<double>(splat(0x1p52));
  for (int64_t i = 0; i < count; i += W) {
    // the first word of a pair is the lower half of a lane: 27 bits of it, then 26 of the second
    const Vec<uint64_t> pair = reinterpret_cast<Vec<uint64_t>>(load(words + 2 * i));
    const Vec<double> high = from_bits<double>((pair << 32 >> 37) | two_to_52) - 0x1p52;
    const Vec<double> low = from_bits<double>((pair >> 38) | two_to_52) - 0x1p52;
    store(out + i, scaled((high * 0x1p26 + low) * 0x1p-53, range));
  }
}

// --- normal numbers

// The sine and cosine of 2π·turns for turns in [0, 1]. What is left after whole quarters is exact, so both are accurate
// relative to their size, near their zeros too. Taylor series on [-π/4, π/4], cut where the next term is below 2^-54.
inline void sin_cos(Vec<double> turns, Vec<double>& sine, Vec<double>& cosine) {
  constexpr double kSin[] = {1.0,
                             -1.0 / 6,
                             1.0 / 120,
                             -1.0 / 5040,
                             1.0 / 362880,
                             -1.0 / 39916800,
                             1.0 / 6227020800,
                             -1.0 / 1307674368000,
                             1.0 / 355687428096000};
  constexpr double kCos[] = {1.0,
                             -1.0 / 2,
                             1.0 / 24,
                             -1.0 / 720,
                             1.0 / 40320,
                             -1.0 / 3628800,
                             1.0 / 479001600,
                             -1.0 / 87178291200,
                             1.0 / 20922789888000};
  constexpr double kRound = 0x1.8p52;  // leaves no room for a fraction
  const Vec<double> shifted = turns * 4.0 + kRound;
  const Vec<double> rest = turns - (shifted - kRound) * 0.25;
  const Vec<double> x = rest * 6.283185307179586477;
  const Vec<double> square = x * x;
  const Vec<double> s = polynomial<double>(square, kSin) * x, c = polynomial<double>(square, kCos);
  const Vec<uint64_t> quarter = bits_of<double>(shifted);
  const auto odd = (quarter & 1) != 0;
  const Vec<uint64_t> sine_sign = (quarter & 2) << 62, cosine_sign = ((quarter + 1) & 2) << 62;
  sine = from_bits<double>(bits_of<double>(select(odd, c, s)) ^ sine_sign);
  cosine = from_bits<double>(bits_of<double>(select(odd, s, c)) ^ cosine_sign);
}

template <int kStart, size_t... J>
inline Vec<double> every_second(Vec<double> a, Vec<double> b, std::index_sequence<J...>) {
  return __builtin_shufflevector(a, b, (kStart + 2 * static_cast<int>(J))...);
}

inline Vec<double> sqrt_lanes(Vec<double> v) {
  double lanes[W];
  std::memcpy(lanes, &v, sizeof(v));
  for (double& lane : lanes) lane = std::sqrt(lane);
  return load(lanes);
}

// u[2i], u[2i + 1] in [0, 1) become mean + std · r cos(2π u[2i + 1]) and mean + std · r sin(2π u[2i + 1]) with
// r = √(-2 log(1 - u[2i])). Works on whole vectors: up to 2W - 1 elements beyond `count`.
void box_muller(double* u, int64_t count, double mean, double std) {
  constexpr auto kLanesOf = std::make_index_sequence<W>{};
  for (int64_t i = 0; i < count; i += 2 * W) {
    const Vec<double> a = load(u + i), b = load(u + i + W);
    const Vec<double> radius = std * sqrt_lanes(-2.0 * math::log(1.0 - every_second<0>(a, b, kLanesOf)));
    Vec<double> sine, cosine;
    sin_cos(every_second<1>(a, b, kLanesOf), sine, cosine);
    store_interleaved(u + i, mean + radius * cosine, mean + radius * sine);
  }
}

// --- pieces

// make(words of the piece, count, values) for all pieces of `out`. Values have room for two vectors more.
template <class T, int kWords, class Make>
void draw(In state, Out out, Make make) {
  const Rows<T> rows(flattened(out));
  parallel_ranges(out.size(), kRandomTask, [&](int64_t begin, int64_t end) {
    PieceWords<kWords> words(state);
    T values[kRandomPiece + 2 * W];
    for (int64_t first = begin; first < end; first += kRandomPiece) {
      const int64_t count = std::min(kRandomPiece, end - first);
      make(words.make(first, count + count % 2), count, values);
      for_row_parts(first, count, rows.length, [&](int64_t row, int64_t column, int64_t done, int64_t n) {
        copy_strided<T>(values + done, 1, rows[row] + column * rows.stride, rows.stride, n);
      });
    }
  });
}

template <class T>
void uniform_typed(In state, Range range, Out out) {
  draw<T, kWordsPerElement<T>>(
      state, out, [&](const uint32_t* words, int64_t count, T* values) { convert(words, count, range, values); });
}

// The same u as those of uniform, exact in float64.
inline void unit(const uint32_t* words, int64_t count, float, double* u) {
  for (int64_t i = 0; i < count; i += W) {
    const WordVec word = *reinterpret_cast<const WordVec*>(words + i);
    store(u + i, __builtin_convertvector(reinterpret_cast<IntVec>(word >> 8), Vec<double>) * 0x1p-24);
  }
}

inline void unit(const uint32_t* words, int64_t count, double, double* u) { convert(words, count, {0.0, 1.0}, u); }

template <class T>
void normal_typed(In state, double mean, double std, Out out) {
  draw<T, kWordsPerElement<T>>(state, out, [&](const uint32_t* words, int64_t count, T* values) {
    double u[kRandomPiece + 2 * W] = {};
    unit(words, count + count % 2, T{}, u);
    box_muller(u, count, mean, std);
    for (int64_t i = 0; i < count; ++i) values[i] = static_cast<T>(u[i]);
  });
}

// The upper 64 bits of a product of 128.
inline uint64_t upper_half(uint64_t a, uint64_t b) {
  constexpr uint64_t kLow = 0xFFFFFFFF;
  const uint64_t middle = (a >> 32) * (b & kLow) + ((a & kLow) * (b & kLow) >> 32);
  const uint64_t other = (a & kLow) * (b >> 32) + (middle & kLow);
  return (a >> 32) * (b >> 32) + (middle >> 32) + (other >> 32);
}

}  // namespace

void uniform(In state, const Ints&, double low, double high, DType dtype, Out out) {
  const Range range{low, high - low};
  if (dtype == DType::f32) return uniform_typed<float>(state, range, out);
  uniform_typed<double>(state, range, out);
}

void normal(In state, const Ints&, double mean, double std, DType dtype, Out out) {
  if (dtype == DType::f32) return normal_typed<float>(state, mean, std, out);
  normal_typed<double>(state, mean, std, out);
}

void randint(In state, const Ints&, const Ints& low, const Ints& high, Out out) {
  const auto first = static_cast<uint64_t>(low.values[0]);
  const uint64_t span = static_cast<uint64_t>(high.values[0]) - first;
  draw<int64_t, 2>(state, out, [&](const uint32_t* words, int64_t count, int64_t* values) {
    for (int64_t i = 0; i < count; ++i) {
      const uint64_t bits = words[2 * i] | uint64_t{words[2 * i + 1]} << 32;
      values[i] = static_cast<int64_t>(first + upper_half(bits, span));
    }
  });
}

}  // namespace pe
