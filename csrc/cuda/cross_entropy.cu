// cross_entropy: loss = mean over rows r of log(sum(exp(x[r] - max))) - (x[r, label] - max), and with it, in the same
// pass over the logits, grad = (softmax(x) - onehot(label)) / rows.
//
// logits[rows, classes] T, labels[rows] int64, loss[] T, grad[rows, classes] T or absent. About 40 FLOP an element
// against 1 (2 with gradient) elements of memory: limited by memory. The idea: a row is in registers when its sum is
// known (rows.h), so the gradient costs one store more. The losses of the rows are added up by one block afterwards, in
// an order that depends on their number only.
#include "kernels/cross_entropy.h"

#include "cuda/labels.h"
#include "cuda/scratch.h"
#include "cuda/softmax_rows.h"

namespace pe {

namespace {

using namespace cuda;

// losses[r], and grad where kGrad; weight = 1 / rows.
template <class T, class S, bool kGrad>
__global__ void __launch_bounds__(S::kBlock, S::kResident)
    loss_rows(Rows<const T> x, Labels labels, T weight, Rows<T> grad, T* losses) {
  const int64_t r = S::row(), row = r < x.count ? r : x.count - 1;
  const T* from = x[row];
  const Part<T, S> part(from, x.stride, x.length);
  const MaxSum<T> all = softmax_sum(part);
  if (r >= x.count) return;
  const int64_t label = labels.at(row, S::rank() == 0);
  if (S::rank() == 0) losses[row] = label < 0 ? T(0) : ::log(all.sum) - (from[label * x.stride] - all.max);
  if constexpr (kGrad) {
    const T factor = weight / all.sum;
    T* to = grad[row];
    part.each([&](int64_t i, const T* v) {
      Pack<T, S::kN> d;
#pragma unroll
      for (int j = 0; j < S::kN; ++j) d.values[j] = ::exp(v[j] - all.max) * factor - (i + j == label ? weight : T(0));
      put<S>(to, grad.stride, i, d);
    });
  }
}

// loss = Σ losses / rows, by one block; NaN, the mean of nothing, where there are none.
template <class T>
__global__ void __launch_bounds__(kThreads) mean_of(const T* losses, int64_t rows, T* loss) {
  T sum = 0;
  for (int64_t r = threadIdx.x; r < rows; r += kThreads) sum += losses[r];
  sum = block_reduce(sum, Plus{});
  if (threadIdx.x == 0) *loss = sum / static_cast<T>(rows);
}

template <class T>
void cross_entropy_typed(In logits, In labels, Out loss, OptOut grad) {
  const Rows<const T> x(logits);
  const Rows<T> dx(grad ? *grad : logits);
  DeviceScratch<T> losses(x.count);
  DataErrors errors(raise_label);
  const Labels checked(labels, Ints{}, x.length, errors.record());
  const T weight = T(1) / static_cast<T>(x.count);
  if (x.count > 0)
    by_share(x, x.in_vectors() && dx.in_vectors(), [&]<class S>() {
      const auto kernel = grad ? loss_rows<T, S, true> : loss_rows<T, S, false>;
      enqueue(kernel, S::blocks(x.count), S::kBlock)(x, checked, weight, dx, losses.data());
    });
  enqueue(mean_of<T>, 1, kThreads)(losses.data(), x.count, loss.as<T>());
  errors.check();
}

}  // namespace

void cross_entropy(In logits, In labels, bool, Out loss, OptOut grad) {
  logits.dtype == DType::f32 ? cross_entropy_typed<float>(logits, labels, loss, grad)
                             : cross_entropy_typed<double>(logits, labels, loss, grad);
}

}  // namespace pe
