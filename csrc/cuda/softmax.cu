// softmax over the last axis: y = exp(x - max) / sum(exp(x - max)); its gradient: dx = y · (g - sum(g · y)).
//
// For n elements about 40·n FLOP (exp twice) against 2·n elements of memory, the gradient 4·n against 3·n: limited by
// memory. The idea: a row that its threads can hold (8,192 float32 of a block) is read once; for longer ones maximum
// and sum come from one pass and the second one finds much of the row in cache (rows.h, softmax_rows.h). Not done:
// several blocks for one row.
// A row that holds a NaN or +inf, or nothing but -inf, comes out NaN, as the formula says.
#include "kernels/softmax.h"

#include "cuda/softmax_rows.h"

namespace pe {

namespace {

using namespace cuda;

template <class T, class S>
__global__ void __launch_bounds__(S::kBlock, S::kResident) softmax_rows(Rows<const T> x, Rows<T> y) {
  const int64_t r = S::row(), row = r < x.count ? r : x.count - 1;
  const Part<T, S> part(x[row], x.stride, x.length);
  const MaxSum<T> all = softmax_sum(part);
  if (r >= x.count) return;
  const T factor = T(1) / all.sum;
  T* to = y[row];
  part.each([&](int64_t i, const T* v) {
    Pack<T, S::kN> e;
#pragma unroll
    for (int j = 0; j < S::kN; ++j) e.values[j] = ::exp(v[j] - all.max) * factor;
    put<S>(to, y.stride, i, e);
  });
}

template <class T, class S>
__global__ void __launch_bounds__(S::kBlock, S::kResident)
    softmax_backward_rows(Rows<const T> g, Rows<const T> y, Rows<T> dx) {
  const int64_t r = S::row(), row = r < y.count ? r : y.count - 1;
  const Part<T, S> grad(g[row], g.stride, g.length), weights(y[row], y.stride, y.length);
  T dot = 0;
  Part<T, S>::each(grad, weights, [&](int64_t, const T* a, const T* b) {
#pragma unroll
    for (int j = 0; j < S::kN; ++j) dot += a[j] * b[j];
  });
  dot = combine_all<S>(dot, Plus{});
  if (r >= y.count) return;
  T* to = dx[row];
  Part<T, S>::each(grad, weights, [&](int64_t i, const T* a, const T* b) {
    Pack<T, S::kN> d;
#pragma unroll
    for (int j = 0; j < S::kN; ++j) d.values[j] = b[j] * (a[j] - dot);
    put<S>(to, dx.stride, i, d);
  });
}

template <class T>
void softmax_typed(In a, Out out) {
  const Rows<const T> x(a);
  const Rows<T> y(out);
  if (x.count == 0 || x.length == 0) return;
  by_share(x, x.in_vectors() && y.in_vectors(),
           [&]<class S>() { enqueue(softmax_rows<T, S>, S::blocks(x.count), S::kBlock)(x, y); });
}

template <class T>
void softmax_backward_typed(In grad, In output, Out out) {
  const Rows<const T> g(grad), y(output);
  const Rows<T> dx(out);
  if (y.count == 0 || y.length == 0) return;
  by_share(y, g.in_vectors() && y.in_vectors() && dx.in_vectors(),
           [&]<class S>() { enqueue(softmax_backward_rows<T, S>, S::blocks(y.count), S::kBlock)(g, y, dx); });
}

}  // namespace

void softmax(In a, Out out) { a.dtype == DType::f32 ? softmax_typed<float>(a, out) : softmax_typed<double>(a, out); }

void softmax_backward(In grad, In y, Out out) {
  y.dtype == DType::f32 ? softmax_backward_typed<float>(grad, y, out) : softmax_backward_typed<double>(grad, y, out);
}

}  // namespace pe
