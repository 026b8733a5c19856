// log_softmax: y = x - max - log(sum(exp(x - max))); its gradient dx = g - exp(y) · sum(g); logsumexp: max + log(sum).
//
// About 20 FLOP an element for exp against 2 elements of memory (gradient 3, logsumexp 1): limited by memory. Rows are
// shared and held as softmax does it (rows.h). Subtracting max and the logarithm one after the other keeps what their
// sum would round away where scores are large.
#include "kernels/log_softmax.h"

#include "cuda/softmax_rows.h"

namespace pe {

namespace {

using namespace cuda;

template <class T, class S>
__global__ void __launch_bounds__(S::kBlock, S::kResident) log_softmax_rows(Rows<const T> x, Rows<T> y) {
  const int64_t r = S::row(), row = r < x.count ? r : x.count - 1;
  const Part<T, S> part(x[row], x.stride, x.length);
  const MaxSum<T> all = softmax_sum(part);
  if (r >= x.count) return;
  const T log_sum = ::log(all.sum);
  T* to = y[row];
  part.each([&](int64_t i, const T* v) {
    Pack<T, S::kN> log;
#pragma unroll
    for (int j = 0; j < S::kN; ++j) log.values[j] = v[j] - all.max - log_sum;
    put<S>(to, y.stride, i, log);
  });
}

template <class T, class S>
__global__ void __launch_bounds__(S::kBlock, S::kResident)
    log_softmax_backward_rows(Rows<const T> g, Rows<const T> y, Rows<T> dx) {
  const int64_t r = S::row(), row = r < y.count ? r : y.count - 1;
  const Part<T, S> grad(g[row], g.stride, g.length), logs(y[row], y.stride, y.length);
  const T sum = sum_of(grad, [](int64_t, T v) { return v; });
  if (r >= y.count) return;
  T* to = dx[row];
  Part<T, S>::each(grad, logs, [&](int64_t i, const T* a, const T* b) {
    Pack<T, S::kN> d;
#pragma unroll
    for (int j = 0; j < S::kN; ++j) d.values[j] = a[j] - ::exp(b[j]) * sum;
    put<S>(to, dx.stride, i, d);
  });
}

template <class T, class S>
__global__ void __launch_bounds__(S::kBlock, S::kResident) logsumexp_rows(Rows<const T> x, Rows<T> y) {
  const int64_t r = S::row(), row = r < x.count ? r : x.count - 1;
  const MaxSum<T> all = max_sum(Part<T, S>(x[row], x.stride, x.length));
  if (r >= x.count || S::rank() != 0) return;
  // a NaN wins, else the infinity that decides
  const bool infinite = all.max - all.max != 0 && all.sum == all.sum;
  *y[row] = infinite ? all.max : all.max + ::log(all.sum);
}

template <class T>
void log_softmax_typed(In a, Out out) {
  const Rows<const T> x(a);
  const Rows<T> y(out);
  if (x.count == 0 || x.length == 0) return;
  by_share(x, x.in_vectors() && y.in_vectors(),
           [&]<class S>() { enqueue(log_softmax_rows<T, S>, S::blocks(x.count), S::kBlock)(x, y); });
}

template <class T>
void backward_typed(In grad, In output, Out out) {
  const Rows<const T> g(grad), y(output);
  const Rows<T> dx(out);
  if (y.count == 0 || y.length == 0) return;
  by_share(y, g.in_vectors() && y.in_vectors() && dx.in_vectors(),
           [&]<class S>() { enqueue(log_softmax_backward_rows<T, S>, S::blocks(y.count), S::kBlock)(g, y, dx); });
}

template <class T>
void logsumexp_typed(In a, Out out) {
  const Rows<const T> x(a);
  const Rows<T> y = Rows<T>::elements(out);
  if (x.count == 0) return;
  by_share(x, x.in_vectors(), [&]<class S>() { enqueue(logsumexp_rows<T, S>, S::blocks(x.count), S::kBlock)(x, y); });
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
