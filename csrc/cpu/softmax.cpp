// softmax over the last axis: y = exp(x - max) / sum(exp(x - max)); its gradient: dx = y · (g - sum(g · y)).
//
// For n elements about 20·n FLOP (exp is a polynomial) against 2·n elements of memory: limited by arithmetic in cache,
// by memory beyond it; the gradient by memory alone. The idea: each element is fetched once (softmax_rows.h), or stays
// in registers from load to store (softmax_short.h), and rows are spread over the threads.
// A row that holds a NaN or +inf, or nothing but -inf, comes out NaN, as the formula says.
#include "kernels/softmax.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "cpu/softmax_short.h"

namespace pe {

namespace {

// Rows [first, last); NV as in by_row_length.
template <int NV, class T>
void softmax_rows(const Rows<const T>& x, const Rows<T>& y, int64_t first, int64_t last) {
  const int64_t n = x.length;
  Scratch<T> scratch(2 * n + chunk_count(n));
  T *x_buffer = scratch.data(), *y_buffer = x_buffer + n, *maxima = y_buffer + n;
  for (int64_t r = first; r < last; ++r) {
    const T* from = gathered(x, r, x_buffer);
    T* to = target(y, r, y_buffer);
    if constexpr (NV > 0) {
      RegisterRow<T, NV> row(n);
      row.load(from);
      const Vec<T> factor = T(1) / row.sum_exp().sum;
      for (Vec<T>& v : row.v) v *= factor;
      row.store(to);
    } else {
      const RowSum<T> row = sum_exp_row<true>(from, to, n, maxima);
      scale_row<T>(to, n, row, maxima, T(1) / row.sum);
    }
    scatter(to, y, r);
  }
}

template <class T>
void softmax_tiles(const Rows<const T>& x, const Rows<T>& y, int64_t first, int64_t last) {
  const int64_t n = x.length;
  Scratch<T> buffer(n * kLanes<T>);
  for (int64_t r = first; r < last;) {
    const int64_t rows = rows_at_once(x, r, last);
    const Tile<T> tile = target_tile(y, r, rows, buffer.data());
    const Vec<T> factor = T(1) / sum_exp_tile(load_tile(x, r, rows, buffer.data()), tile, n).sum;
    for (int64_t j = 0; j < n; ++j) store(tile[j], load(tile[j]) * factor);
    store_tile(tile, y, r, rows);
    r += rows;
  }
}

template <class T>
void softmax_typed(In a, Out out) {
  const Rows<const T> x(a);
  const Rows<T> y(out);
  if (x.length == 0) return;
  parallel_ranges(x.count, rows_per_task<T>(x.length), [&](int64_t first, int64_t last) {
    by_row_length<T>(x, [&]<int NV>() {
      if constexpr (NV == 0) {
        softmax_tiles(x, y, first, last);
      } else {
        softmax_rows<NV>(x, y, first, last);
      }
    });
  });
}

// sum(g · y) in every lane; n >= kLanes. Chunks keep the partial sums short.
template <class T>
inline Vec<T> dot_row(const T* g, const T* y, int64_t n) {
  constexpr int W = kLanes<T>;
  const Vec<T> product = load(g + n - W) * load(y + n - W);
  Vec<T> dot = select(lane_numbers<T>() >= static_cast<T>(W - n % W), product, Vec<T>{});
  for (int64_t begin = 0; begin + W <= n; begin += kRowChunk) {
    const int64_t end = std::min(begin + kRowChunk, n);
    Vec<T> sum{}, other{};
    int64_t i = begin;
    for (; i + 2 * W <= end; i += 2 * W) {
      sum += load(g + i) * load(y + i);
      other += load(g + i + W) * load(y + i + W);
    }
    if (i + W <= end) sum += load(g + i) * load(y + i);
    dot += sum + other;
  }
  return sum_everywhere<T>(dot);
}

template <int NV, class T>
void softmax_backward_rows(const Rows<const T>& g, const Rows<const T>& y, const Rows<T>& dx, int64_t first,
                           int64_t last) {
  const int64_t n = y.length;
  Scratch<T> scratch(3 * n);
  T *g_buffer = scratch.data(), *y_buffer = g_buffer + n, *dx_buffer = y_buffer + n;
  for (int64_t r = first; r < last; ++r) {
    const T *from = gathered(g, r, g_buffer), *weights = gathered(y, r, y_buffer);
    T* to = target(dx, r, dx_buffer);
    if constexpr (NV > 0) {
      RegisterRow<T, NV> grad(n), row(n), product(n);
      grad.load(from);
      row.load(weights);
      for (int i = 0; i < NV; ++i) product.v[i] = grad.v[i] * row.v[i];
      const Vec<T> dot = product.sum();
      for (int i = 0; i < NV; ++i) row.v[i] *= grad.v[i] - dot;
      row.store(to);
    } else {
      const Vec<T> dot = dot_row(from, weights, n);
      cpu::put_row(to, n, dx.streamed, [&](int64_t i) { return load(weights + i) * (load(from + i) - dot); });
    }
    scatter(to, dx, r);
  }
}

template <class T>
void softmax_backward_tiles(const Rows<const T>& g, const Rows<const T>& y, const Rows<T>& dx, int64_t first,
                            int64_t last) {
  const int64_t n = y.length;
  Scratch<T> buffer(2 * n * kLanes<T>);
  T *g_buffer = buffer.data(), *y_buffer = g_buffer + n * kLanes<T>;
  for (int64_t r = first; r < last;) {
    const int64_t rows = rows_at_once(y, r, last);
    const Tile<const T> grad = load_tile(g, r, rows, g_buffer), row = load_tile(y, r, rows, y_buffer);
    const Tile<T> tile = target_tile(dx, r, rows, g_buffer);
    const Vec<T> dot = sum_in_parts<T>(n, [&](int64_t j) { return load(grad[j]) * load(row[j]); });
    for (int64_t j = 0; j < n; ++j) store(tile[j], load(row[j]) * (load(grad[j]) - dot));
    store_tile(tile, dx, r, rows);
    r += rows;
  }
}

template <class T>
void softmax_backward_typed(In grad, In output, Out out) {
  const Rows<const T> g(grad), y(output);
  const Rows<T> dx(out);
  if (y.length == 0) return;
  parallel_ranges(y.count, rows_per_task<T>(y.length), [&](int64_t first, int64_t last) {
    by_row_length<T>(y, [&]<int NV>() {
      if constexpr (NV == 0) {
        softmax_backward_tiles(g, y, dx, first, last);
      } else {
        softmax_backward_rows<NV>(g, y, dx, first, last);
      }
    });
  });
}

}  // namespace

void softmax(In a, Out out) {
  if (a.dtype == DType::f32) {
    softmax_typed<float>(a, out);
  } else {
    softmax_typed<double>(a, out);
  }
}

void softmax_backward(In grad, In y, Out out) {
  if (y.dtype == DType::f32) {
    softmax_backward_typed<float>(grad, y, out);
  } else {
    softmax_backward_typed<double>(grad, y, out);
  }
}

}  // namespace pe
