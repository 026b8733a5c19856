// layer_norm: y = (a - mean) · rstd · weight + bias, mean and rstd = 1 / √(variance + eps) of each row; its gradient
// da = rstd · (h - mean(h) - x · mean(h · x)) with x = (a - mean) · rstd, h = grad · weight, and the sums over all rows
// dweight = Σ grad · x, dbias = Σ grad.
//
// 8 FLOP an element against 2 elements of memory (gradient: 16 against 3): memory bound. A row is fetched once and read
// again from cache; while that is done the next row is fetched, as memory would be idle. The gradient computes mean and
// rstd anew, which costs less than it would to fetch what was kept.
// Rows are cut into at most kBlocks blocks, each with a sum of its own of dweight and dbias, added up block by block.
#include "kernels/layer_norm.h"

#include <cmath>

#include "core/parallel.h"
#include "cpu/columns.h"

namespace pe {

namespace {

constexpr int64_t kBlocks = 64, kBlockRows = 16;

template <class T>
struct Normal {
  Vec<T> mean;
  T rstd;
};

template <class T>
T rstd_of(Vec<T> squares, T count, double eps) {
  return T(1) / std::sqrt(first_lane<T>(squares) / count + static_cast<T>(eps));
}

template <class T>
Normal<T> normal_of(const T* x, int64_t n, double eps) {
  const Vec<T> mean = sum_row<T>(n, [&](int64_t i) { return load(x + i); }) / static_cast<T>(n);
  const Vec<T> squares = sum_row<T>(n, [&](int64_t i) {
    __builtin_prefetch(x + n + i);
    const Vec<T> d = load(x + i) - mean;
    return d * d;
  });
  return {mean, rstd_of(squares, static_cast<T>(n), eps)};
}

template <class T>
void forward(In a, In weight, In bias, double eps, Out out, Out rstd) {
  const Rows<const T> x(a);
  const Rows<T> y(out), r_of(as_column(rstd));
  const Columns<T> w(weight), b(bias);
  const int64_t n = padded_length<T>(x.length);
  parallel_ranges(x.count, rows_per_task<T>(x.length), [&](int64_t first, int64_t last) {
    Scratch<T> scratch(2 * n);
    for (int64_t r = first; r < last; ++r) {
      const T* from = padded(x, r, scratch.data(), T(0));
      T* to = padded_target(y, r, scratch.data() + n);
      const Normal<T> normal = normal_of(from, x.length, eps);
      cpu::put_row(to, n, y.streamed, [&](int64_t i) {
        return (load(from + i) - normal.mean) * normal.rstd * load(w.data() + i) + load(b.data() + i);
      });
      put_padded(to, y, r);
      *r_of[r] = normal.rstd;
    }
  });
}

// One row's da, and its part of dweight and dbias added to `sums` (n of one, then n of the other).
template <class T>
void backward_row(const T* g, const T* x, const T* w, int64_t length, double eps, T* to, bool streamed, T* sums) {
  constexpr int W = kLanes<T>;
  const int64_t n = padded_length<T>(length);
  const T count = static_cast<T>(length);
  const Vec<T> mean = sum_row<T>(length, [&](int64_t i) { return load(x + i); }) / count;
  Vec<T> squares, sum_h, sum_hd;
  three_sums_of_row<T>(
      length,
      [&](int64_t i, Vec<T>& square, Vec<T>& h, Vec<T>& hd) {
        __builtin_prefetch(x + n + i);
        const Vec<T> d = load(x + i) - mean;
        square = d * d;
        h = load(g + i) * load(w + i);
        hd = h * d;
      },
      squares, sum_h, sum_hd);
  const T rstd = rstd_of(squares, count, eps);
  const Vec<T> mean_h = sum_h / count, slope = sum_hd / count * rstd * rstd;  // mean(h · x) · rstd
  const auto add = [&](int64_t i, Vec<T> of_weight, Vec<T> of_bias) {
    store(sums + i, load(sums + i) + of_weight);
    store(sums + n + i, load(sums + n + i) + of_bias);
  };
  const auto of_weight = [&](int64_t i) { return load(g + i) * ((load(x + i) - mean) * rstd); };
  const int64_t whole = n / W * W;
  for (int64_t i = 0; i < whole; i += W) {
    __builtin_prefetch(g + n + i);
    add(i, of_weight(i), load(g + i));
  }
  if (whole < n) {  // lanes that whole vectors cover are left out
    const auto rest = lane_numbers<T>() >= static_cast<T>(W - (n - whole));
    add(n - W, select(rest, of_weight(n - W), Vec<T>{}), select(rest, load(g + n - W), Vec<T>{}));
  }
  cpu::put_row(to, n, streamed,
               [&](int64_t i) { return rstd * (load(g + i) * load(w + i) - mean_h - (load(x + i) - mean) * slope); });
}

template <class T>
void backward(In grad, In a, In weight, double eps, Out da, Out dweight, Out dbias) {
  const Rows<const T> x(a), g(grad);
  const Rows<T> dx(da);
  const Columns<T> w(weight);
  const int64_t n = padded_length<T>(x.length);
  const int64_t block_rows = std::max(kBlockRows, (x.count + kBlocks - 1) / kBlocks);
  const int64_t blocks = std::max<int64_t>(1, (x.count + block_rows - 1) / block_rows);
  Scratch<T> sums(blocks * 2 * n);
  std::fill(sums.data(), sums.data() + 2 * n, T(0));  // the first block's, where there are no rows
  parallel_for(x.length == 0 ? 0 : blocks, [&](int64_t block) {
    Scratch<T> scratch(3 * n);
    T *sum = sums.data() + block * 2 * n, *x_buffer = scratch.data(), *g_buffer = x_buffer + n;
    std::fill(sum, sum + 2 * n, T(0));
    for (int64_t r = block * block_rows; r < std::min((block + 1) * block_rows, x.count); ++r) {
      T* to = padded_target(dx, r, g_buffer + n);
      backward_row(padded(g, r, g_buffer, T(0)), padded(x, r, x_buffer, T(0)), w.data(), x.length, eps, to, dx.streamed,
                   sum);
      put_padded(to, dx, r);
    }
  });
  T *total = sums.data(), *of_bias = total + n;
  for (int64_t block = 1; block < blocks && x.length > 0; ++block)
    for (int64_t i = 0; i < 2 * n; ++i) total[i] += sums[block * 2 * n + i];
  copy_strided<T>(total, 1, dweight.as<T>(), dweight.strides[0], x.length);
  copy_strided<T>(of_bias, 1, dbias.as<T>(), dbias.strides[0], x.length);
}

}  // namespace

void layer_norm(In a, In weight, In bias, double eps, Out out, Out rstd) {
  a.dtype == DType::f32 ? forward<float>(a, weight, bias, eps, out, rstd)
                        : forward<double>(a, weight, bias, eps, out, rstd);
}

void layer_norm_backward(In grad, In a, In weight, double eps, Out da, Out dweight, Out dbias) {
  a.dtype == DType::f32 ? backward<float>(grad, a, weight, eps, da, dweight, dbias)
                        : backward<double>(grad, a, weight, eps, da, dweight, dbias);
}

}  // namespace pe
