// softmax over the last axis: y = exp(x - max) / sum(exp(x - max)); its gradient: dx = y · (g - sum(g · y)).
//
// For n elements about 25·n FLOP (exp is a polynomial) against 2·n elements of memory: limited by arithmetic in cache,
// by memory beyond it. The idea: each element is fetched once (softmax_rows.h), rows are spread over the threads, and
// short rows are worked on kLanes at a time so that no lane idles.
// A row that holds a NaN or +inf, or nothing but -inf, comes out NaN, as the formula says.
#include "core/memory.h"
#include "core/parallel.h"
#include "cpu/rows.h"
#include "cpu/softmax_rows.h"
#include "kernels.h"

namespace pe {

namespace {

template <class T>
void softmax_row(const T* x, T* y, int64_t n, T* maxima) {
  const RowSum<T> row = sum_exp_chunks<true>(x, y, n, maxima);
  for (int64_t c = 0; c < chunk_count(n); ++c) {
    const auto [begin, size] = chunk_of(n, c);
    scale(y + begin, size, exp_one(maxima[c] - row.max) / row.sum);
  }
}

// Rows [first, last) one by one; a row with gaps goes through `buffer`.
template <class T>
void softmax_long(const Rows<const T>& x, const Rows<T>& y, int64_t first, int64_t last) {
  const int64_t n = x.length;
  Scratch<T> scratch(2 * n + chunk_count(n));
  T *x_buffer = scratch.data(), *y_buffer = x_buffer + n, *maxima = y_buffer + n;
  for (int64_t r = first; r < last; ++r) {
    const T* source = x[r];
    if (x.stride != 1) {
      copy_strided(source, x.stride, x_buffer, 1, n);
      source = x_buffer;
    }
    if (y.stride == 1) {
      softmax_row(source, y[r], n, maxima);
    } else {
      softmax_row(source, y_buffer, n, maxima);
      copy_strided<T>(y_buffer, 1, y[r], y.stride, n);
    }
  }
}

template <class T>
void softmax_short(const Rows<const T>& x, const Rows<T>& y, int64_t first, int64_t last) {
  constexpr int W = kLanes<T>;
  const int64_t n = x.length;
  T tile[kShortRow * W];
  for (int64_t r = first; r < last; r += W) {
    const int64_t rows = std::min<int64_t>(W, last - r);
    load_rows(x, r, rows, tile);
    const ColumnSum<T> column = exp_columns(tile, n);
    const Vec<T> factor = T(1) / column.sum;
    for (int64_t j = 0; j < n; ++j) store(tile + j * W, load(tile + j * W) * factor);
    store_rows(tile, y, r, rows);
  }
}

template <class T>
void softmax_typed(In a, Out out) {
  const Rows<const T> x(a);
  const Rows<T> y(out);
  if (x.length == 0) return;
  parallel_ranges(x.count, rows_per_task<T>(x.length), [&](int64_t first, int64_t last) {
    if (x.length <= kShortRow) {
      softmax_short(x, y, first, last);
    } else {
      softmax_long(x, y, first, last);
    }
  });
}

template <class T>
void softmax_backward_row(const T* g, const T* y, T* dx, int64_t n) {
  constexpr int W = kLanes<T>;
  const int64_t whole = n / W * W;
  T dot = 0;
  for (int64_t begin = 0; begin < whole; begin += kRowChunk) {
    const int64_t end = std::min(begin + kRowChunk, whole);
    Vec<T> sum{};
    for (int64_t i = begin; i < end; i += W) sum += load(g + i) * load(y + i);
    dot += sum_lanes<T>(sum);
  }
  for (int64_t i = whole; i < n; ++i) dot += g[i] * y[i];
  for (int64_t i = 0; i < whole; i += W) store(dx + i, load(y + i) * (load(g + i) - dot));
  for (int64_t i = whole; i < n; ++i) dx[i] = y[i] * (g[i] - dot);
}

template <class T>
void softmax_backward_long(const Rows<const T>& g, const Rows<const T>& y, const Rows<T>& dx, int64_t first,
                           int64_t last) {
  const int64_t n = y.length;
  Scratch<T> scratch(3 * n);
  T *g_buffer = scratch.data(), *y_buffer = g_buffer + n, *dx_buffer = y_buffer + n;
  for (int64_t r = first; r < last; ++r) {
    if (g.stride != 1) copy_strided(g[r], g.stride, g_buffer, 1, n);
    if (y.stride != 1) copy_strided(y[r], y.stride, y_buffer, 1, n);
    softmax_backward_row<T>(g.stride == 1 ? g[r] : g_buffer, y.stride == 1 ? y[r] : y_buffer,
                            dx.stride == 1 ? dx[r] : dx_buffer, n);
    if (dx.stride != 1) copy_strided<T>(dx_buffer, 1, dx[r], dx.stride, n);
  }
}

template <class T>
void softmax_backward_short(const Rows<const T>& g, const Rows<const T>& y, const Rows<T>& dx, int64_t first,
                            int64_t last) {
  constexpr int W = kLanes<T>;
  const int64_t n = y.length;
  T g_tile[kShortRow * W], y_tile[kShortRow * W];
  for (int64_t r = first; r < last; r += W) {
    const int64_t rows = std::min<int64_t>(W, last - r);
    load_rows(g, r, rows, g_tile);
    load_rows(y, r, rows, y_tile);
    Vec<T> dot{};
    for (int64_t j = 0; j < n; ++j) dot += load(g_tile + j * W) * load(y_tile + j * W);
    for (int64_t j = 0; j < n; ++j) store(g_tile + j * W, load(y_tile + j * W) * (load(g_tile + j * W) - dot));
    store_rows(g_tile, dx, r, rows);
  }
}

template <class T>
void softmax_backward_typed(In grad, In output, Out out) {
  const Rows<const T> g(grad), y(output);
  const Rows<T> dx(out);
  if (y.length == 0) return;
  parallel_ranges(y.count, rows_per_task<T>(y.length), [&](int64_t first, int64_t last) {
    if (y.length <= kShortRow) {
      softmax_backward_short(g, y, dx, first, last);
    } else {
      softmax_backward_long(g, y, dx, first, last);
    }
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
