// cross_entropy_rows: losses[r] = Σ q[r, j] · (logsumexp(x[r]) - x[r, j]) and its gradient g[r] · (mass · softmax(x[r])
// - q[r]), for any shares q of the classes, be they labels, smoothed labels or probabilities
// (kernels/cross_entropy_rows.h).
//
// About 25 FLOP an element against 1 element of memory (gradient: 2). q is made in a buffer of one row and never
// written to memory. Where q is a single class its term is taken directly: a logit of -inf elsewhere, times 0, must not
// count.
#include "kernels/cross_entropy_rows.h"

#include <optional>

#include "core/memory.h"
#include "core/parallel.h"
#include "cpu/padded_rows.h"

namespace pe {

namespace {

// Class numbers, of which some may be ignored.
class Labels {
 public:
  Labels(In labels, const Ints& ignore, int64_t classes)
      : labels_(as_column(labels)), ignores_(ignore.count == 1), ignored_(ignore.values[0]) {
    for (int64_t r = 0; r < labels_.count; ++r) {
      if (!ignored(r) && static_cast<uint64_t>((*this)[r]) >= static_cast<uint64_t>(classes))
        throw ShapeError("labels[" + std::to_string(r) + "] is " + std::to_string((*this)[r]) + ", outside the " +
                         std::to_string(classes) + " classes");
    }
  }

  int64_t operator[](int64_t r) const { return *labels_[r]; }
  bool ignored(int64_t r) const { return ignores_ && (*this)[r] == ignored_; }
  int64_t count() const { return labels_.count; }

 private:
  Rows<const int64_t> labels_;
  bool ignores_;
  int64_t ignored_;
};

// The distributions q of all rows.
template <class T>
class Targets {
 public:
  Targets(In target, double smoothing, const Ints& ignore, int64_t classes)
      : classes_(classes),
        kept_(static_cast<T>(1 - smoothing)),
        even_(static_cast<T>(smoothing / static_cast<double>(classes))) {
    if (target.dtype == DType::i64) {
      labels_.emplace(target, ignore, classes);
    } else {
      shares_.emplace(target);
    }
  }

  bool ignored(int64_t r) const { return labels_ && labels_->ignored(r); }
  bool single() const { return labels_ && kept_ == 1; }  // all of q is at the label
  int64_t label(int64_t r) const { return (*labels_)[r]; }

  // q of row r, not ignored, to `to`, which has room for whole vectors; returns its sum.
  T write(int64_t r, T* to) const {
    if (labels_) {
      std::fill(to, to + classes_, even_);
      to[label(r)] += kept_;
    } else {
      const T* from = (*shares_)[r];
      for (int64_t j = 0; j < classes_; ++j) to[j] = even_ + kept_ * from[j * shares_->stride];
    }
    std::fill(to + classes_, to + padded_length<T>(classes_), T(0));
    return first_lane<T>(sum_row<T>(classes_, [&](int64_t i) { return load(to + i); }));
  }

 private:
  int64_t classes_;
  T kept_, even_;
  std::optional<Labels> labels_;
  std::optional<Rows<const T>> shares_;
};

template <class T>
void losses_typed(In logits, const Targets<T>& targets, Out losses, Out mass) {
  const Rows<const T> x(logits);
  const Rows<T> loss(as_column(losses)), total(as_column(mass));
  parallel_ranges(x.count, rows_per_task<T>(x.length), [&](int64_t first, int64_t last) {
    const int64_t n = padded_length<T>(x.length);
    Scratch<T> scratch(2 * n + chunk_count(n));
    T *buffer = scratch.data(), *q = buffer + n, *maxima = q + n;
    for (int64_t r = first; r < last; ++r) {
      *loss[r] = *total[r] = 0;
      if (targets.ignored(r)) continue;
      const T* from = padded(x, r, buffer, kLowest<T>);
      const RowSum<T> row = sum_exp_row<false>(from, buffer, n, maxima);
      const T log_sum = first_lane<T>(math::log(row.sum)), most = first_lane<T>(row.max);
      if (targets.single()) {
        *total[r] = 1;
        *loss[r] = log_sum - (from[targets.label(r)] - most);
        continue;
      }
      *total[r] = targets.write(r, q);
      // the sum is over the classes alone: a short row is filled with -inf, and -inf · 0 is NaN
      *loss[r] = first_lane<T>(
          sum_row<T>(x.length, [&](int64_t i) { return load(q + i) * (log_sum - (load(from + i) - row.max)); }));
    }
  });
}

template <class T>
void backward_typed(In grad, In logits, const Targets<T>& targets, Out out) {
  constexpr int W = kLanes<T>;
  const Rows<const T> x(logits), g(as_column(grad));
  const Rows<T> dx(out);
  parallel_ranges(x.count, rows_per_task<T>(x.length), [&](int64_t first, int64_t last) {
    const int64_t n = padded_length<T>(x.length);
    Scratch<T> scratch(3 * n + chunk_count(n));
    T *x_buffer = scratch.data(), *dx_buffer = x_buffer + n, *q = dx_buffer + n, *maxima = q + n;
    for (int64_t r = first; r < last; ++r) {
      T* to = padded_target(dx, r, dx_buffer);
      const T upstream = *g[r];
      if (targets.ignored(r)) {
        std::fill(to, to + x.length, T(0));
      } else {
        const RowSum<T> row = sum_exp_row<true>(padded(x, r, x_buffer, kLowest<T>), to, n, maxima);
        if (targets.single()) {
          // at the label upstream · p - upstream, unless that is inf - inf
          const T factor = upstream - upstream == 0 ? upstream : T(1);
          scale_row<T>(to, n, row, maxima, factor / row.sum);
          to[targets.label(r)] -= factor;
          if (factor != upstream) scale<T>(to, n, splat(upstream));
        } else {
          const T mass = targets.write(r, q);
          scale_row<T>(to, n, row, maxima, mass / row.sum);
          const Vec<T> tail = upstream * (load(to + n - W) - load(q + n - W));
          for (int64_t i = 0; i + W <= n; i += W) store(to + i, upstream * (load(to + i) - load(q + i)));
          store(to + n - W, tail);
        }
      }
      put_padded(to, dx, r);
    }
  });
}

template <class T>
void weights_typed(const Labels& labels, In weight, Out out) {
  const T* weights = weight.as<const T>();
  const Rows<T> to(as_column(out));
  parallel_ranges(labels.count(), 16384, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) *to[r] = labels.ignored(r) ? T(0) : weights[labels[r] * weight.strides[0]];
  });
}

}  // namespace

void cross_entropy_rows(In logits, In target, double label_smoothing, const Ints& ignore_index, Out losses, Out mass) {
  const int64_t classes = logits.shape[logits.ndim - 1];
  if (logits.dtype == DType::f32) {
    losses_typed<float>(logits, {target, label_smoothing, ignore_index, classes}, losses, mass);
  } else {
    losses_typed<double>(logits, {target, label_smoothing, ignore_index, classes}, losses, mass);
  }
}

void cross_entropy_rows_backward(In grad, In logits, In target, double label_smoothing, const Ints& ignore_index,
                                 Out out) {
  const int64_t classes = logits.shape[logits.ndim - 1];
  if (logits.dtype == DType::f32) {
    backward_typed<float>(grad, logits, {target, label_smoothing, ignore_index, classes}, out);
  } else {
    backward_typed<double>(grad, logits, {target, label_smoothing, ignore_index, classes}, out);
  }
}

void label_weights(In labels, In weight, const Ints& ignore_index, Out out) {
  const Labels checked(labels, ignore_index, weight.shape[0]);
  weight.dtype == DType::f32 ? weights_typed<float>(checked, weight, out) : weights_typed<double>(checked, weight, out);
}

}  // namespace pe
