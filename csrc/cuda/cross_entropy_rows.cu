// cross_entropy_rows: losses[r] = Σ q[r, j] · (logsumexp(x[r]) - x[r, j]) and its gradient g[r] · (mass · softmax(x[r])
// - q[r]), for any shares q of the classes, be they labels, smoothed labels or probabilities
// (kernels/cross_entropy_rows.h).
//
// About 40 FLOP an element against 1 element of memory (gradient: 2; 1 more where the target is probabilities): limited
// by memory. Rows are shared and held as softmax does it (rows.h); q is never written to memory. Where q is a single
// class its term is taken directly: a logit of -inf elsewhere, times 0, must not count.
#include "kernels/cross_entropy_rows.h"

#include "cuda/labels.h"
#include "cuda/softmax_rows.h"

namespace pe {

namespace {

using namespace cuda;

// The distributions q of all rows.
template <class T>
struct Targets {
  Targets(In target, double smoothing, const Ints& ignore, int64_t classes, DataErrorRecord* record)
      : numbered(target.dtype == DType::i64),
        kept(static_cast<T>(1 - smoothing)),
        even(static_cast<T>(smoothing / static_cast<double>(classes))),
        labels(target, ignore, classes, record),
        shares(target) {}

  bool in_vectors() const { return numbered || shares.in_vectors(); }
  __device__ bool single() const { return numbered && kept == 1; }  // all of q is at the label

  // q[i], q[i + 1], … of a row, as many as are taken at a time.
  template <class S>
  __device__ Pack<T, S::kN> at(int64_t label, const T* row, int64_t i) const {
    Pack<T, S::kN> q;
    if (!numbered) q = get<S>(row, shares.stride, i);
#pragma unroll
    for (int j = 0; j < S::kN; ++j)
      q.values[j] = numbered ? (i + j == label ? even + kept : even) : even + kept * q.values[j];
    return q;
  }

  bool numbered;
  T kept, even;
  Labels labels;
  Rows<const T> shares;
};

template <class T>
struct LossAndMass {
  T loss, mass;
};
struct AddBoth {
  template <class T>
  __device__ LossAndMass<T> operator()(LossAndMass<T> a, LossAndMass<T> b) const {
    return {a.loss + b.loss, a.mass + b.mass};
  }
};

template <class T, class S>
__global__ void __launch_bounds__(S::kBlock, S::kResident)
    loss_rows(Rows<const T> x, Targets<T> targets, Rows<T> losses, Rows<T> masses) {
  const int64_t r = S::row(), row = r < x.count ? r : x.count - 1;
  const T* from = x[row];
  const Part<T, S> part(from, x.stride, x.length);
  const MaxSum<T> all = softmax_sum(part);
  const T log_sum = ::log(all.sum);
  const int64_t label = targets.numbered ? targets.labels.at(row, r < x.count && S::rank() == 0) : 0;
  LossAndMass<T> result{};
  if (targets.single()) {
    if (label >= 0) result = {log_sum - (from[label * x.stride] - all.max), T(1)};
  } else {
    const T* shares = targets.numbered ? nullptr : targets.shares[row];
    part.each([&](int64_t i, const T* v) {
      const Pack<T, S::kN> q = targets.template at<S>(label, shares, i);
#pragma unroll
      for (int j = 0; j < S::kN; ++j) {
        result.loss += q.values[j] * (log_sum - (v[j] - all.max));
        result.mass += q.values[j];
      }
    });
    result = combine_all<S>(result, AddBoth{});
  }
  if (r >= x.count || S::rank() != 0) return;
  *losses[row] = label < 0 ? T(0) : result.loss;
  *masses[row] = label < 0 ? T(0) : result.mass;
}

// Σ q of a row, in every thread.
template <class T, class S>
__device__ T mass_of(const Targets<T>& targets, const Part<T, S>& part, int64_t label, const T* shares) {
  T mass = 0;
  part.each([&](int64_t i, const T*) {
    const Pack<T, S::kN> q = targets.template at<S>(label, shares, i);
#pragma unroll
    for (int j = 0; j < S::kN; ++j) mass += q.values[j];
  });
  return combine_all<S>(mass, Plus{});
}

template <class T, class S>
__global__ void __launch_bounds__(S::kBlock, S::kResident)
    backward_rows(Rows<const T> g, Rows<const T> x, Targets<T> targets, Rows<T> dx) {
  const int64_t r = S::row(), row = r < x.count ? r : x.count - 1;
  const Part<T, S> part(x[row], x.stride, x.length);
  const MaxSum<T> all = softmax_sum(part);
  const int64_t label = targets.numbered ? targets.labels.at(row, r < x.count && S::rank() == 0) : 0;
  const T* shares = targets.numbered ? nullptr : targets.shares[row];
  const bool single = targets.single();
  const T mass = single ? T(1) : mass_of(targets, part, label, shares);
  if (r >= x.count) return;
  const T upstream = *g[row];
  // At a single label upstream · p - upstream, unless that is inf - inf.
  const bool early = single && upstream - upstream == 0;
  const T inner = early ? upstream : T(1), outer = early ? T(1) : upstream, factor = inner * mass / all.sum;
  T* to = dx[row];
  part.each([&](int64_t i, const T* v) {
    Pack<T, S::kN> d{};
    if (label >= 0) {
      Pack<T, S::kN> q{};
      if (!single) q = targets.template at<S>(label, shares, i);
#pragma unroll
      for (int j = 0; j < S::kN; ++j) {
        const T less = single ? (i + j == label ? inner : T(0)) : q.values[j];
        d.values[j] = outer * (::exp(v[j] - all.max) * factor - less);
      }
    }
    put<S>(to, dx.stride, i, d);
  });
}

template <class T>
__global__ void __launch_bounds__(kThreads) weights_of(Labels labels, const T* weight, int64_t stride, Rows<T> out) {
  for (int64_t r = grid_thread(); r < out.count; r += grid_threads()) {
    const int64_t label = labels.at(r, true);
    *out[r] = label < 0 ? T(0) : weight[label * stride];
  }
}

template <class T>
void losses_typed(In logits, In target, double smoothing, const Ints& ignore, Out losses, Out mass) {
  const Rows<const T> x(logits);
  const Rows<T> loss = Rows<T>::elements(losses), total = Rows<T>::elements(mass);
  if (x.count == 0) return;
  DataErrors errors(raise_label);
  const Targets<T> targets(target, smoothing, ignore, x.length, errors.record());
  by_share(x, x.in_vectors() && targets.in_vectors(),
           [&]<class S>() { enqueue(loss_rows<T, S>, S::blocks(x.count), S::kBlock)(x, targets, loss, total); });
  errors.check();
}

template <class T>
void backward_typed(In grad, In logits, In target, double smoothing, const Ints& ignore, Out out) {
  const Rows<const T> x(logits), g = Rows<const T>::elements(grad);
  const Rows<T> dx(out);
  if (x.count == 0) return;
  DataErrors errors(raise_label);
  const Targets<T> targets(target, smoothing, ignore, x.length, errors.record());
  by_share(x, x.in_vectors() && dx.in_vectors() && targets.in_vectors(),
           [&]<class S>() { enqueue(backward_rows<T, S>, S::blocks(x.count), S::kBlock)(g, x, targets, dx); });
  errors.check();
}

template <class T>
void weights_typed(In labels, In weight, const Ints& ignore, Out out) {
  const Rows<T> to = Rows<T>::elements(out);
  DataErrors errors(raise_label);
  const Labels checked(labels, ignore, weight.shape[0], errors.record());
  enqueue(weights_of<T>, blocks_for(to.count, kThreads), kThreads)(checked, weight.as<const T>(), weight.strides[0],
                                                                   to);
  errors.check();
}

}  // namespace

void cross_entropy_rows(In logits, In target, double label_smoothing, const Ints& ignore_index, Out losses, Out mass) {
  logits.dtype == DType::f32 ? losses_typed<float>(logits, target, label_smoothing, ignore_index, losses, mass)
                             : losses_typed<double>(logits, target, label_smoothing, ignore_index, losses, mass);
}

void cross_entropy_rows_backward(In grad, In logits, In target, double label_smoothing, const Ints& ignore_index,
                                 Out out) {
  logits.dtype == DType::f32 ? backward_typed<float>(grad, logits, target, label_smoothing, ignore_index, out)
                             : backward_typed<double>(grad, logits, target, label_smoothing, ignore_index, out);
}

void label_weights(In labels, In weight, const Ints& ignore_index, Out out) {
  weight.dtype == DType::f32 ? weights_typed<float>(labels, weight, ignore_index, out)
                             : weights_typed<double>(labels, weight, ignore_index, out);
}

}  // namespace pe
