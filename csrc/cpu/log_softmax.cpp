// log_softmax: y = x - max - log(sum(exp(x - max))); its gradient dx = g - exp(y) · sum(g); logsumexp: max + log(sum).
//
// About 20 FLOP an element for exp against 2 elements of memory (logsumexp: 1). A row is read for its sum as softmax
// does it, chunk by chunk or in registers, and once more, from cache, for y. Subtracting max and the logarithm one
// after the other keeps what their sum would round away where scores are large.
#include "kernels/log_softmax.h"

#include "core/memory.h"
#include "core/parallel.h"
#include "cpu/padded_rows.h"
#include "cpu/softmax_short.h"

namespace pe {

namespace {

template <class T>
void log_softmax_rows(const Rows<const T>& x, const Rows<T>& y, int64_t first, int64_t last) {
  const int64_t n = padded_length<T>(x.length);
  Scratch<T> scratch(2 * n + chunk_count(n));
  T *x_buffer = scratch.data(), *y_buffer = x_buffer + n, *maxima = y_buffer + n;
  for (int64_t r = first; r < last; ++r) {
    const T* from = padded(x, r, x_buffer, kLowest<T>);
    T* to = padded_target(y, r, y_buffer);
    const RowSum<T> row = sum_exp_row<false>(from, to, n, maxima);
    const Vec<T> log_sum = math::log(row.sum);
    cpu::put_row(to, n, y.streamed, [&](int64_t i) { return load(from + i) - row.max - log_sum; });
    put_padded(to, y, r);
  }
}

// Rows of NV vectors in registers, one logarithm for as many rows as a vector has lanes.
template <int NV, class T>
void log_softmax_short_rows(const Rows<const T>& x, const Rows<T>& y, int64_t first, int64_t last) {
  constexpr int W = kLanes<T>;
  const int64_t n = x.length;
  Scratch<T> scratch(2 * n);
  T *x_buffer = scratch.data(), *y_buffer = x_buffer + n, maxima[W], sums[W];
  std::fill(sums, sums + W, T(1));
  RegisterRow<T, NV> row(n);
  for (int64_t begin = first; begin < last; begin += W) {
    const int64_t rows = std::min<int64_t>(W, last - begin);
    for (int64_t l = 0; l < rows; ++l) {
      row.load(gathered(x, begin + l, x_buffer));
      const RowSum<T> sum = row.sum_exp();
      maxima[l] = first_lane<T>(sum.max);
      sums[l] = first_lane<T>(sum.sum);
    }
    store(sums, math::log(load(sums)));
    for (int64_t l = 0; l < rows; ++l) {
      row.load(gathered(x, begin + l, x_buffer));
      for (Vec<T>& v : row.v) v = v - maxima[l] - sums[l];
      T* to = target(y, begin + l, y_buffer);
      row.store(to);
      scatter(to, y, begin + l);
    }
  }
}

template <class T>
void log_softmax_typed(In a, Out out) {
  const Rows<const T> x(a);
  const Rows<T> y(out);
  if (x.length == 0) return;
  parallel_ranges(x.count, rows_per_task<T>(x.length), [&](int64_t first, int64_t last) {
    by_row_length<T>(x, [&]<int NV>() {
      if constexpr (NV > 0) {
        log_softmax_short_rows<NV>(x, y, first, last);
      } else {
        log_softmax_rows(x, y, first, last);
      }
    });
  });
}

template <class T>
void backward_typed(In grad, In output, Out out) {
  const Rows<const T> g(grad), y(output);
  const Rows<T> dx(out);
  if (y.length == 0) return;
  parallel_ranges(y.count, rows_per_task<T>(y.length), [&](int64_t first, int64_t last) {
    const int64_t n = padded_length<T>(y.length);
    Scratch<T> scratch(3 * n);
    T *g_buffer = scratch.data(), *y_buffer = g_buffer + n, *dx_buffer = y_buffer + n;
    for (int64_t r = first; r < last; ++r) {
      const T *from = padded(g, r, g_buffer, T(0)), *logs = padded(y, r, y_buffer, T(0));
      T* to = padded_target(dx, r, dx_buffer);
      const Vec<T> sum = sum_row<T>(n, [&](int64_t i) { return load(from + i); });
      cpu::put_row(to, n, dx.streamed, [&](int64_t i) { return load(from + i) - math::exp(load(logs + i)) * sum; });
      put_padded(to, dx, r);
    }
  });
}

// What a row with an infinity comes to: NaN if there is one, else the infinity that decides.
template <class T>
T infinite_logsumexp(const T* x, int64_t n) {
  T most = kLowest<T>;
  for (int64_t i = 0; i < n; ++i) {
    if (x[i] != x[i]) return x[i];
    most = std::max(most, x[i]);
  }
  return most;
}

template <class T>
void logsumexp_typed(In a, Out out) {
  const Rows<const T> x(a);
  const Rows<T> y(as_column(out));
  parallel_ranges(x.count, rows_per_task<T>(x.length), [&](int64_t first, int64_t last) {
    const int64_t n = padded_length<T>(x.length);
    Scratch<T> scratch(n + chunk_count(n));
    T *buffer = scratch.data(), *maxima = buffer + n;
    for (int64_t r = first; r < last; ++r) {
      const T* from = padded(x, r, buffer, kLowest<T>);
      const RowSum<T> row = sum_exp_row<false>(from, buffer, n, maxima);
      const T most = first_lane<T>(row.max), sum = first_lane<T>(row.sum);
      const bool finite = most - most == 0 && sum == sum;
      *y[r] = finite ? most + first_lane<T>(math::log(row.sum)) : infinite_logsumexp(from, n);
    }
  });
}

}  // namespace

void log_softmax(In a, Out out) {
  a.dtype == DType::f32 ? log_softmax_typed<float>(a, out) : log_softmax_typed<double>(a, out);
}

void log_softmax_backward(In grad, In y, Out out) {
  y.dtype == DType::f32 ? backward_typed<float>(grad, y, out) : backward_typed<double>(grad, y, out);
}

void logsumexp(In a, Out out) {
  a.dtype == DType::f32 ? logsumexp_typed<float>(a, out) : logsumexp_typed<double>(a, out);
}

}  // namespace pe
