// uniform: out[i] = low + u[i] · (high - low) with u[i] in [0, 1) from the Philox stream of (seed, offset).
//
// float32 takes the upper 24 bits of one word, float64 53 bits of two; all is computed in float64 and rounded once to
// T, with no fused multiply-add, so that the bits are those of pyengine/reference/random.py on every backend. Ten
// rounds of two 32-bit multiplications make four words: limited by integer arithmetic, not by memory. The idea: words
// are made for a few hundred elements at a time, several blocks of the cipher side by side, then converted as whole
// vectors.
#include "kernels/random.h"
#include "core/parallel.h"
#include "cpu/philox.h"
#include "cpu/rows.h"
#include "cpu/vec_math.h"

namespace pe {

namespace {

constexpr int64_t kTask = 65536;  // elements of a task
constexpr int64_t kPiece = 512;   // elements whose words are made at once

template <class T>
constexpr int64_t kWordsPerElement = sizeof(T) / 4;

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

// values[i] = element first + i, for count <= kPiece. Writes up to W - 1 elements beyond `count`.
template <class T>
void make_piece(const PhiloxStream& stream, uint64_t offset, int64_t first, int64_t count, Range range, T* values) {
  // room for the words skipped, the rest of the last step, and a vector of words that the conversion overreads
  alignas(64) uint32_t words[kPiece * kWordsPerElement<T> + 2 * PhiloxStream::kStep];
  const uint64_t start = offset + static_cast<uint64_t>(first * kWordsPerElement<T>);
  const uint64_t skipped = start % 4;
  stream.words(start / 4, count * kWordsPerElement<T> + static_cast<int64_t>(skipped), words);
  convert(words + skipped, count, range, values);
}

template <class T>
void uniform_typed(uint64_t seed, uint64_t offset, Range range, Out out) {
  Array flat = out;
  if (is_contiguous(out)) {
    flat.ndim = 1;
    flat.shape[0] = out.size();
    flat.strides[0] = 1;
  }
  const Rows<T> rows(flat);
  const PhiloxStream stream(seed);
  parallel_ranges(out.size(), kTask, [&](int64_t begin, int64_t end) {
    T values[kPiece + W];
    for (int64_t first = begin; first < end; first += kPiece) {
      const int64_t count = std::min(kPiece, end - first);
      make_piece(stream, offset, first, count, range, values);
      for (int64_t done = 0; done < count;) {
        const int64_t row = (first + done) / rows.length, column = (first + done) % rows.length;
        const int64_t n = std::min(count - done, rows.length - column);
        copy_strided<T>(values + done, 1, rows[row] + column * rows.stride, rows.stride, n);
        done += n;
      }
    }
  });
}

}  // namespace

void uniform(In state, const Ints&, double low, double high, DType dtype, Out out) {
  const auto* words = state.as<const int64_t>();
  const auto seed = static_cast<uint64_t>(words[0]), offset = static_cast<uint64_t>(words[state.strides[0]]);
  const Range range{low, high - low};
  if (dtype == DType::f32) {
    uniform_typed<float>(seed, offset, range, out);
  } else {
    uniform_typed<double>(seed, offset, range, out);
  }
}

}  // namespace pe
