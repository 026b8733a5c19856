// cumsum: out[i] = a[0] + … + a[i] along rows; 1 addition an element against 2 elements of memory.
//
// A running sum is a chain of additions: a row cannot go faster than one addition after the other. So as many rows as a
// vector has lanes go together. int64 computes as uint64, whose overflow wraps.
#include "kernels/cumsum.h"

#include "core/memory.h"
#include "core/parallel.h"
#include "cpu/softmax_short.h"

namespace pe {

namespace {

template <class T>
void cumsum_tiles(const Rows<const T>& x, const Rows<T>& y, int64_t first, int64_t last) {
  const int64_t n = x.length;
  Scratch<T> buffer(n * kLanes<T>);
  for (int64_t r = first; r < last;) {
    const int64_t rows = rows_at_once(x, r, last);
    const Tile<const T> from = load_tile(x, r, rows, buffer.data());
    const Tile<T> to = target_tile(y, r, rows, buffer.data());
    Vec<T> sum{};
    for (int64_t j = 0; j < n; ++j) {
      sum += load(from[j]);
      store(to[j], sum);
    }
    store_tile(to, y, r, rows);
    r += rows;
  }
}

template <class T>
void cumsum_row(const T* x, int64_t x_stride, T* y, int64_t y_stride, int64_t n) {
  T sum = 0;
  for (int64_t i = 0; i < n; ++i) y[i * y_stride] = sum += x[i * x_stride];
}

template <class T>
void cumsum_typed(In a, Out out) {
  const Rows<const T> x(a);
  const Rows<T> y(out);
  if (x.length == 0) return;
  parallel_ranges(x.count, rows_per_task<T>(x.length), [&](int64_t first, int64_t last) {
    if (last - first >= 2) return cumsum_tiles(x, y, first, last);
    for (int64_t r = first; r < last; ++r) cumsum_row(x[r], x.stride, y[r], y.stride, x.length);
  });
}

}  // namespace

void cumsum(In a, Out out) {
  if (a.dtype == DType::f32) return cumsum_typed<float>(a, out);
  if (a.dtype == DType::f64) return cumsum_typed<double>(a, out);
  cumsum_typed<uint64_t>(a, out);
}

}  // namespace pe
