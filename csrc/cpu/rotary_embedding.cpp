// rotary_embedding: pairs of columns (x, y) become (x · cos - y · sin, y · cos + x · sin), as a plane turns by an
// angle.
//
// 3 FLOP an element against 2 elements of memory, and cos and sin, which all heads of a token share: memory bound.
// All pairs are walked as one array with cos and sin, whose strides say which rows share them; a pair's partner lies at
// a fixed distance. Neighbours are parted and joined by shuffles of whole vectors.
// Left out: results past the caches, as attention reads them next.
#include "kernels/rotary_embedding.h"

#include "cpu/loops.h"
#include "cpu/shuffle.h"
#include "cpu/vec_math.h"
#include "kernels/copy.h"

namespace pe {

namespace {

// Where pairs stand: x in the input, y in the result, each with the distance to the partner. Strides in elements.
template <class T>
struct Run {
  const T *x, *cos, *sin;
  T* y;
  int64_t x_partner, y_partner, x_stride, y_stride, cos_stride, sin_stride;
  T sign;  // -1: backwards

  bool dense_tables() const { return cos_stride == 1 && sin_stride == 1; }
  bool halves() const { return x_stride == 1 && y_stride == 1 && dense_tables(); }
  bool neighbours() const {
    return x_stride == 2 && y_stride == 2 && x_partner == 1 && y_partner == 1 && dense_tables();
  }
};

template <class V>
struct Pair {
  V first, second;
};

// Which product is fused with the sum is said here, so that vectors and single pairs have the same bits.
template <class V>
inline Pair<V> turned(V first, V second, V cos, V sin) {
  return {first * cos - rounded(second * sin), second * cos + rounded(first * sin)};
}

// at(i) for vectors that cover [0, n), the last one ending at n; there is at least one.
template <class T, class At>
inline void in_vectors(int64_t n, const At& at) {
  int64_t i = 0;
  for (; i + kLanes<T> <= n; i += kLanes<T>) at(i);
  if (i < n) at(n - kLanes<T>);
}

template <class T>
void turn_halves(const Run<T>& run, int64_t n) {
  in_vectors<T>(n, [&](int64_t i) {
    const auto to = turned<Vec<T>>(load(run.x + i), load(run.x + run.x_partner + i), load(run.cos + i),
                                   run.sign * load(run.sin + i));
    store(run.y + i, to.first);
    store(run.y + run.y_partner + i, to.second);
  });
}

template <class T>
void turn_neighbours(const Run<T>& run, int64_t n) {
  in_vectors<T>(n, [&](int64_t i) {
    const Vec<T> low = load(run.x + 2 * i), high = load(run.x + 2 * i + kLanes<T>);
    const auto to = turned<Vec<T>>(every_second<T, 0>(low, high), every_second<T, 1>(low, high), load(run.cos + i),
                                   run.sign * load(run.sin + i));
    store_interleaved<T>(run.y + 2 * i, to.first, to.second);
  });
}

template <class T>
void turn_any(const Run<T>& run, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const T* x = run.x + i * run.x_stride;
    T* y = run.y + i * run.y_stride;
    const auto to =
        turned<T>(x[0], x[run.x_partner], run.cos[i * run.cos_stride], run.sign * run.sin[i * run.sin_stride]);
    y[0] = to.first;
    y[run.y_partner] = to.second;
  }
}

template <class T>
void turn_pairs(In a, In cos, In sin, bool interleaved, bool inverse, Out out) {
  const int64_t count = cos.shape[cos.ndim - 1];
  const Pairs from = pairs_of(a, count, interleaved), to = pairs_of(out, count, interleaved);
  const Array* const arrays[] = {&to.first, &from.first, &cos, &sin};
  if (to.first.size() == 0) return;
  const Walk walk = collapse(arrays, 4, true);
  const auto stride = [&](int operand) { return walk.inner_stride(operand) / int64_t{sizeof(T)}; };
  Run<T> all{};
  all.x_partner = from.partner, all.y_partner = to.partner;
  all.y_stride = stride(0), all.x_stride = stride(1), all.cos_stride = stride(2), all.sin_stride = stride(3);
  all.sign = inverse ? T(-1) : T(1);
  cpu::parallel_rows(walk, cpu::kBlock / 2, [&](char* const* row, int64_t begin, int64_t end) {
    Run<T> run = all;
    run.y = reinterpret_cast<T*>(row[0]) + begin * run.y_stride;
    run.x = reinterpret_cast<const T*>(row[1]) + begin * run.x_stride;
    run.cos = reinterpret_cast<const T*>(row[2]) + begin * run.cos_stride;
    run.sin = reinterpret_cast<const T*>(row[3]) + begin * run.sin_stride;
    const int64_t n = end - begin;
    if (n >= kLanes<T> && run.halves()) return turn_halves(run, n);
    if (n >= kLanes<T> && run.neighbours()) return turn_neighbours(run, n);
    turn_any(run, n);
  });
}

}  // namespace

void rotary_embedding(In a, In cos, In sin, bool interleaved, bool inverse, Out out) {
  a.dtype == DType::f32 ? turn_pairs<float>(a, cos, sin, interleaved, inverse, out)
                        : turn_pairs<double>(a, cos, sin, interleaved, inverse, out);
  const int64_t turned_columns = 2 * cos.shape[cos.ndim - 1];
  if (turned_columns == a.shape[a.ndim - 1]) return;
  Array rest = columns_from(out, turned_columns);
  copy(columns_from(a, turned_columns), a.dtype, rest);
}

}  // namespace pe
