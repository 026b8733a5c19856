// dropout: out[i] = a[i] / (1 - p) where word i of the stream is at least p · 2^32, else 0; bernoulli: out[i] = 1 where
// word i is below a[i] · 2^32, else 0.
//
// About 6 vector instructions of the cipher for each element against two elements of memory: limited by integer
// arithmetic, as all random kernels are. The idea: the words of a piece are made into L1, then used as whole vectors;
// no mask is ever written, since the gradient makes it again from the same state.
#include "kernels/dropout.h"

#include <cmath>

#include "cpu/random_pieces.h"
#include "kernels/copy.h"

namespace pe {

namespace {

// out = f(word, a) for each element.
template <class T, class F>
void with_words(In a, In state, Out out, F f) {
  const bool flat = is_contiguous(a) && is_contiguous(out);
  const Rows<const T> from(flat ? flattened(a) : a);
  const Rows<T> to(flat ? flattened(out) : out);
  parallel_ranges(out.size(), kRandomTask, [&](int64_t begin, int64_t end) {
    PieceWords<1> stream(state);
    for (int64_t first = begin; first < end; first += kRandomPiece) {
      const int64_t count = std::min(kRandomPiece, end - first);
      const uint32_t* all = stream.make(first, count);
      for_row_parts(first, count, to.length, [&](int64_t row, int64_t column, int64_t done, int64_t n) {
        const uint32_t* words = all + done;
        const T* x = from[row] + column * from.stride;
        T* y = to[row] + column * to.stride;
        if (from.stride == 1 && to.stride == 1) {
          for (int64_t i = 0; i < n; ++i) y[i] = f(words[i], x[i]);
        } else {
          for (int64_t i = 0; i < n; ++i) y[i * to.stride] = f(words[i], x[i * from.stride]);
        }
      });
    }
  });
}

template <class T>
void dropout_typed(In a, In state, double p, Out out) {
  const double border = std::nearbyint(p * 0x1p32);
  if (border > 0xFFFFFFFFp0) return full({}, 0, out.dtype, out);  // all are dropped
  const auto threshold = static_cast<uint32_t>(border);
  const T scale = static_cast<T>(1 / (1 - p));
  with_words<T>(a, state, out, [=](uint32_t word, T x) { return word >= threshold ? x * scale : T(0); });
}

template <class T>
void bernoulli_typed(In a, In state, Out out) {
  with_words<T>(a, state, out, [](uint32_t word, T p) { return static_cast<double>(word) < p * 0x1p32 ? T(1) : T(0); });
}

}  // namespace

void dropout(In a, In state, double p, Out out) {
  if (a.dtype == DType::f32) return dropout_typed<float>(a, state, p, out);
  dropout_typed<double>(a, state, p, out);
}

void bernoulli(In a, In state, Out out) {
  if (a.dtype == DType::f32) return bernoulli_typed<float>(a, state, out);
  bernoulli_typed<double>(a, state, out);
}

}  // namespace pe
