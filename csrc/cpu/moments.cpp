// var: mean = Σ a / n and Σ (a - mean)² / (n - correction) along rows; 4 FLOP an element, read twice, the second time
// from cache.
//
// Two passes, because Σ a² - n·mean² cancels: of numbers near 10⁴ with a spread of 1 nothing would be left in float32.
// Rows that lie side by side, and short ones, take a lane each.
#include "kernels/moments.h"

#include <cmath>

#include "core/memory.h"
#include "core/parallel.h"
#include "cpu/padded_rows.h"
#include "cpu/softmax_short.h"

namespace pe {

namespace {

template <class T>
struct Moments {
  Vec<T> mean, squares;  // squares: Σ (a - mean)²
};

template <class T>
Moments<T> row_moments(const T* x, int64_t n) {
  const Vec<T> mean = sum_row<T>(n, [&](int64_t i) { return load(x + i); }) / static_cast<T>(n);
  const Vec<T> squares = sum_row<T>(n, [&](int64_t i) {
    const Vec<T> d = load(x + i) - mean;
    return d * d;
  });
  return {mean, squares};
}

template <class T>
Moments<T> tile_moments(Tile<const T> x, int64_t n) {
  const Vec<T> mean = sum_in_parts<T>(n, [&](int64_t j) { return load(x[j]); }) / static_cast<T>(n);
  const Vec<T> squares = sum_in_parts<T>(n, [&](int64_t j) {
    const Vec<T> d = load(x[j]) - mean;
    return d * d;
  });
  return {mean, squares};
}

template <class T>
void var_typed(In a, double correction, bool root, Out out, Out mean) {
  constexpr int W = kLanes<T>;
  const Rows<const T> x(a);
  const Rows<T> variances(as_column(out)), means(as_column(mean));
  const int64_t n = x.length;
  const T divisor = static_cast<T>(std::max(static_cast<double>(n) - correction, 0.0));
  const auto put = [&](int64_t r, int64_t rows, const Moments<T>& moments) {
    T average[W], squares[W];
    store(average, moments.mean);
    store(squares, moments.squares);
    for (int64_t l = 0; l < rows; ++l) {
      const T variance = squares[l] / divisor;
      *variances[r + l] = root ? std::sqrt(variance) : variance;
      *means[r + l] = average[l];
    }
  };
  const bool tiles = n < W || side_by_side(x);
  parallel_ranges(x.count, rows_per_task<T>(n), [&](int64_t first, int64_t last) {
    Scratch<T> buffer(std::max<int64_t>(n, 1) * (tiles ? W : 1));
    for (int64_t r = first; r < last;) {
      const int64_t rows = tiles ? rows_at_once(x, r, last) : 1;
      put(r, rows,
          tiles ? tile_moments(load_tile(x, r, rows, buffer.data()), n)
                : row_moments(padded(x, r, buffer.data(), T(0)), n));
      r += rows;
    }
  });
}

}  // namespace

void var(In a, double correction, bool root, Out out, Out mean) {
  a.dtype == DType::f32 ? var_typed<float>(a, correction, root, out, mean)
                        : var_typed<double>(a, correction, root, out, mean);
}

}  // namespace pe
