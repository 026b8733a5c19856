// cross_entropy: loss = mean over rows r of log(sum(exp(x[r] - max))) - (x[r, label] - max), and with it, in the same
// pass over the logits, grad = (softmax(x) - onehot(label)) / rows.
//
// logits[rows, classes] T, labels[rows] int64, loss[] T, grad[rows, classes] T or absent. About 25 FLOP an element
// against 1 (2 with gradient) elements of memory. The idea: the row is in cache when its sum is known, so the gradient
// costs one multiplication more, and no probability is ever written that is not part of it. Rows are summed as a
// balanced tree whose shape depends on their number only.
#include "kernels/cross_entropy.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "cpu/softmax_short.h"

namespace pe {

namespace {

struct Labels {
  const int64_t* data;
  int64_t stride;
  int64_t operator[](int64_t row) const { return data[row * stride]; }
};

void check_labels(const Labels& labels, int64_t rows, int64_t classes) {
  for (int64_t r = 0; r < rows; ++r) {
    if (static_cast<uint64_t>(labels[r]) >= static_cast<uint64_t>(classes))
      throw ShapeError("labels[" + std::to_string(r) + "] is " + std::to_string(labels[r]) + ", outside the " +
                       std::to_string(classes) + " classes");
  }
}

template <class T>
T pairwise_sum(const T* values, int64_t n) {
  if (n > 8) return pairwise_sum(values, n / 2) + pairwise_sum(values + n / 2, n - n / 2);
  T sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += values[i];
  return sum;
}

// What one task needs to know of the call.
template <class T>
struct Problem {
  Rows<const T> x;
  Labels labels;
  const Rows<T>* grad;  // nullptr: the loss only
  T weight;             // 1 / rows
};

// One row of at least kLanes elements: its sum and, where there is one, its gradient. NV as in by_row_length.
template <int NV, class T>
RowSum<T> row_with_gradient(const Problem<T>& p, const T* x, int64_t r, T* buffer, T* maxima) {
  const int64_t n = p.x.length;
  T* grad = p.grad ? target(*p.grad, r, buffer) : nullptr;
  RowSum<T> sum;
  if constexpr (NV > 0) {
    RegisterRow<T, NV> row(n);
    row.load(x);
    sum = row.sum_exp();
    if (!grad) return sum;
    const Vec<T> factor = p.weight / sum.sum;
    for (Vec<T>& v : row.v) v *= factor;
    row.store(grad);
  } else {
    if (!grad) return sum_exp_row<false>(x, grad, n, maxima);
    sum = sum_exp_row<true>(x, grad, n, maxima);
    scale_row<T>(grad, n, sum, maxima, p.weight / sum.sum);
  }
  grad[p.labels[r]] -= p.weight;
  scatter(grad, *p.grad, r);
  return sum;
}

template <int NV, class T>
void vector_rows(const Problem<T>& p, int64_t first, int64_t last, T* losses) {
  constexpr int W = kLanes<T>;
  const int64_t n = p.x.length;
  Scratch<T> scratch(2 * n + chunk_count(n));
  T *x_buffer = scratch.data(), *grad_buffer = x_buffer + n, *maxima = grad_buffer + n;
  T sums[W], picked[W], loss[W];
  std::fill(sums, sums + W, T(1));
  std::fill(picked, picked + W, T(0));
  for (int64_t begin = first; begin < last; begin += W) {  // one logarithm for as many rows as a vector has lanes
    const int64_t rows = std::min<int64_t>(W, last - begin);
    for (int64_t l = 0; l < rows; ++l) {
      const T* x = gathered(p.x, begin + l, x_buffer);
      const T label = x[p.labels[begin + l]];
      const RowSum<T> row = row_with_gradient<NV>(p, x, begin + l, grad_buffer, maxima);
      sums[l] = first_lane<T>(row.sum);
      picked[l] = label - first_lane<T>(row.max);
    }
    store(loss, math::log(load(sums)) - load(picked));
    std::copy(loss, loss + rows, losses + begin);
  }
}

// Rows side by side, as many at a time as a vector has lanes: lane l is row r + l.
template <class T>
void tile_rows(const Problem<T>& p, int64_t first, int64_t last, T* losses) {
  constexpr int W = kLanes<T>;
  const int64_t n = p.x.length;
  Scratch<T> buffer(n * W);
  T picked[W] = {}, loss[W];
  for (int64_t r = first; r < last;) {
    const int64_t rows = rows_at_once(p.x, r, last);
    const Tile<const T> x = load_tile(p.x, r, rows, buffer.data());
    for (int64_t l = 0; l < rows; ++l) picked[l] = x[p.labels[r + l]][l];
    const Tile<T> grad = p.grad ? target_tile(*p.grad, r, rows, buffer.data()) : Tile<T>{buffer.data(), W};
    const RowSum<T> row = sum_exp_tile(x, grad, n);
    store(loss, math::log(row.sum) - (load(picked) - row.max));
    std::copy(loss, loss + rows, losses + r);

    if (p.grad) {
      const Vec<T> factor = p.weight / row.sum;
      for (int64_t j = 0; j < n; ++j) store(grad[j], load(grad[j]) * factor);
      for (int64_t l = 0; l < rows; ++l) grad[p.labels[r + l]][l] -= p.weight;
      store_tile(grad, *p.grad, r, rows);
    }
    r += rows;
  }
}

template <class T>
void cross_entropy_typed(In logits, In labels, Out loss, OptOut grad) {
  const int64_t rows = logits.shape[0], classes = logits.shape[1];
  const Labels classes_of{labels.as<const int64_t>(), labels.strides[0]};
  check_labels(classes_of, rows, classes);
  if (rows == 0) {
    *loss.as<T>() = std::numeric_limits<T>::quiet_NaN();  // the mean of nothing
    return;
  }
  const Rows<T> grad_rows(grad ? *grad : logits);
  const Problem<T> problem{Rows<const T>(logits), classes_of, grad ? &grad_rows : nullptr, T(1) / static_cast<T>(rows)};
  Scratch<T> losses(rows);
  parallel_ranges(rows, rows_per_task<T>(classes), [&](int64_t first, int64_t last) {
    by_row_length<T>(problem.x, [&]<int NV>() {
      if constexpr (NV == 0) {
        tile_rows(problem, first, last, losses.data());
      } else {
        vector_rows<NV>(problem, first, last, losses.data());
      }
    });
  });
  *loss.as<T>() = pairwise_sum(losses.data(), rows) / static_cast<T>(rows);
}

}  // namespace

void cross_entropy(In logits, In labels, bool, Out loss, OptOut grad) {
  if (logits.dtype == DType::f32) {
    cross_entropy_typed<float>(logits, labels, loss, grad);
  } else {
    cross_entropy_typed<double>(logits, labels, loss, grad);
  }
}

}  // namespace pe
