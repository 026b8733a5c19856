// rms_norm: y = a · rstd · weight with rstd = 1 / √(mean(a²) + eps) of each row; its gradient, with h = grad · weight,
// da = rstd · h - a · rstd³ · mean(h · a), and the sum over all rows dweight = Σ grad · a · rstd.
//
// 4 FLOP an element against 2 elements of memory (gradient: 9 against 3): memory bound. A row is fetched once and read
// again from cache; while that is done the next row is fetched, as memory would be idle. The gradient is given rstd,
// one number a row, which spares it a pass over the row. Rows are cut into at most kBlocks blocks, each with a sum of
// its own of dweight, added up block by block.
#include "kernels/rms_norm.h"

#include <cmath>

#include "core/parallel.h"
#include "cpu/columns.h"

namespace pe {

namespace {

constexpr int64_t kBlocks = 64, kBlockRows = 16;

template <class T>
void forward(In a, In weight, double eps, Out out, Out rstd) {
  const Rows<const T> x(a);
  const Rows<T> y(out), r_of(as_column(rstd));
  const Columns<T> w(weight);
  const int64_t n = padded_length<T>(x.length);
  parallel_ranges(x.count, rows_per_task<T>(x.length), [&](int64_t first, int64_t last) {
    Scratch<T> scratch(2 * n);
    for (int64_t row = first; row < last; ++row) {
      const T* from = padded(x, row, scratch.data(), T(0));
      T* to = padded_target(y, row, scratch.data() + n);
      const Vec<T> squares = sum_row<T>(x.length, [&](int64_t i) { return load(from + i) * load(from + i); });
      const T r = T(1) / std::sqrt(first_lane<T>(squares) / static_cast<T>(x.length) + static_cast<T>(eps));
      cpu::put_row(to, n, y.streamed, [&](int64_t i) { return load(from + i) * r * load(w.data() + i); });
      put_padded(to, y, row);
      *r_of[row] = r;
    }
  });
}

// One row's da, and its part of dweight added to `sums`.
template <class T>
void backward_row(const T* g, const T* x, const T* w, T r, int64_t length, T* to, bool streamed, T* sums) {
  constexpr int W = kLanes<T>;
  const int64_t n = padded_length<T>(length);
  const Vec<T> products = sum_row<T>(length, [&](int64_t i) { return load(g + i) * load(w + i) * load(x + i); });
  const Vec<T> slope = products / static_cast<T>(length) * (r * r * r);
  const auto part = [&](int64_t i) { return load(g + i) * (load(x + i) * r); };
  const int64_t whole = n / W * W;
  for (int64_t i = 0; i < whole; i += W) {
    __builtin_prefetch(x + n + i);
    __builtin_prefetch(g + n + i);
    store(sums + i, load(sums + i) + part(i));
  }
  if (whole < n) {  // lanes that whole vectors cover are left out
    const auto rest = lane_numbers<T>() >= static_cast<T>(W - (n - whole));
    store(sums + n - W, load(sums + n - W) + select(rest, part(n - W), Vec<T>{}));
  }
  // it is said which product is fused with the difference, so that results past the caches have the same bits
  cpu::put_row(to, n, streamed,
               [&](int64_t i) { return load(g + i) * load(w + i) * r - rounded(load(x + i) * slope); });
}

template <class T>
void backward(In grad, In a, In weight, In rstd, Out da, Out dweight) {
  const Rows<const T> x(a), g(grad), r_of(as_column(rstd));
  const Rows<T> dx(da);
  const Columns<T> w(weight);
  const int64_t n = padded_length<T>(x.length);
  const int64_t block_rows = std::max(kBlockRows, (x.count + kBlocks - 1) / kBlocks);
  const int64_t blocks = std::max<int64_t>(1, (x.count + block_rows - 1) / block_rows);
  Scratch<T> sums(blocks * n);
  std::fill(sums.data(), sums.data() + n, T(0));  // the first block's, where there are no rows
  parallel_for(x.length == 0 ? 0 : blocks, [&](int64_t block) {
    Scratch<T> scratch(3 * n);
    T *sum = sums.data() + block * n, *x_buffer = scratch.data(), *g_buffer = x_buffer + n;
    std::fill(sum, sum + n, T(0));
    for (int64_t row = block * block_rows; row < std::min((block + 1) * block_rows, x.count); ++row) {
      T* to = padded_target(dx, row, g_buffer + n);
      backward_row(padded(g, row, g_buffer, T(0)), padded(x, row, x_buffer, T(0)), w.data(), *r_of[row], x.length, to,
                   dx.streamed, sum);
      put_padded(to, dx, row);
    }
  });
  T* total = sums.data();
  for (int64_t block = 1; block < blocks && x.length > 0; ++block)
    for (int64_t i = 0; i < n; ++i) total[i] += sums[block * n + i];
  copy_strided<T>(total, 1, dweight.as<T>(), dweight.strides[0], x.length);
}

}  // namespace

void rms_norm(In a, In weight, double eps, Out out, Out rstd) {
  a.dtype == DType::f32 ? forward<float>(a, weight, eps, out, rstd) : forward<double>(a, weight, eps, out, rstd);
}

void rms_norm_backward(In grad, In a, In weight, In rstd, Out da, Out dweight) {
  a.dtype == DType::f32 ? backward<float>(grad, a, weight, rstd, da, dweight)
                        : backward<double>(grad, a, weight, rstd, da, dweight);
}

}  // namespace pe
