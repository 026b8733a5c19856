// matmul: out[..., m, n] = act(a[..., m, k] · b[..., k, n] + bias[n]); addmm: out = c + a · b, where out may be c.
//
// 2·m·n·k FLOP on m·k + k·n + m·n numbers: for squares of n, n/6 FLOP per byte in float32, so that arithmetic is the
// limit from some hundred on. The loops are those of gemm.h. This file makes batches items of one launch and sees to it
// that operands and result are walked along the direction in which they are contiguous: a result that lies column by
// column is the transposed product of the transposed operands.
// Left out: a row times a matrix as a kernel of its own; most of a tile is then idle.
#include "kernels/matmul.h"

#include <cstdlib>
#include <utility>

#include "core/batch.h"
#include "cuda/by_dtype.h"
#include "cuda/gemm.h"
#include "cuda/gemm_matrix.h"
#include "kernels/copy.h"
#include "kernels/in_place.h"

namespace pe {
namespace {

using gemm::Batch;
using gemm::BatchAxis;
using gemm::kVector;

// A product without its batch: operands as rows × steps of k, b transposed.
template <class T>
struct Product {
  int64_t m, n, k;
  const T *a, *b;
  T* out;
  int64_t a_row, a_k, b_row, b_k, out_row, out_column;
  const T* bias;
  int64_t bias_row, bias_column;
  bool relu, accumulate;
};

template <class T>
Product<T> product_of(In a, In b, OptIn bias, Activation act, bool accumulate, Out out) {
  const int64_t *as = a.strides + a.ndim, *bs = b.strides + b.ndim, *cs = out.strides + out.ndim;
  Product<T> x{out.shape[out.ndim - 2],
               out.shape[out.ndim - 1],
               a.shape[a.ndim - 1],
               a.as<const T>(),
               b.as<const T>(),
               out.as<T>(),
               as[-2],
               as[-1],
               bs[-1],
               bs[-2],
               cs[-2],
               cs[-1],
               nullptr,
               0,
               0,
               act == Activation::relu,
               accumulate};
  if (bias) x.bias = bias->as<const T>(), x.bias_column = bias->strides[0];
  return x;
}

template <class T>
void transpose(Product<T>& x, Batch& batch) {
  std::swap(x.m, x.n);
  std::swap(x.a, x.b);
  std::swap(x.a_row, x.b_row);
  std::swap(x.a_k, x.b_k);
  std::swap(x.out_row, x.out_column);
  std::swap(x.bias_row, x.bias_column);
  for (BatchAxis& axis : batch.axes) std::swap(axis.a, axis.b);
}

// Whether vectors along a walk at stride 1 are aligned wherever they start at a multiple of kVector.
template <class T>
bool vectors_are_aligned(const T* data, int64_t along, int64_t across, const Batch& batch,
                         int64_t BatchAxis::* stride) {
  bool aligned = along == 1 && across % kVector<T> == 0 && is_aligned(data, 16);
  for (int i = 0; i < batch.count; ++i) aligned &= batch.axes[i].*stride % kVector<T> == 0;
  return aligned;
}

// What gemm.h multiplies.
template <class T_, bool kAAlongK, bool kBAlongK>
struct Problem {
  using T = T_;
  using Accumulate = T_;
  struct Job {
    int64_t m, n, k;
    gemm::Matrix<T, kAAlongK> a;
    gemm::Matrix<T, kBAlongK> b;
    gemm::Output<T, gemm::EvenColumns> out;
  };

  int64_t items, m, n, k;
  Job whole;
  Batch batch;

  __device__ void set(Job& job, int64_t item) const {
    job = whole;
    const BatchAxis at = batch.offsets(item);
    job.a.data += at.a;
    job.b.data += at.b;
    job.out.data += at.out;
  }
};

template <bool kAAlongK, bool kBAlongK, class T>
void multiply(const Product<T>& x, const Batch& batch) {
  Problem<T, kAAlongK, kBAlongK> problem{batch.size(), x.m, x.n, x.k, {x.m, x.n, x.k, {}, {}, {}}, batch};
  auto& [m, n, k, a, b, out] = problem.whole;
  a = {x.a, x.a_row, x.a_k, false};
  b = {x.b, x.b_row, x.b_k, false};
  out = {x.out, x.out_row, {x.out_column}, false, x.bias, x.bias_row, x.bias_column, x.relu, x.accumulate};
  a.aligned = kAAlongK ? vectors_are_aligned(x.a, x.a_k, x.a_row, batch, &BatchAxis::a)
                       : vectors_are_aligned(x.a, x.a_row, x.a_k, batch, &BatchAxis::a);
  b.aligned = kBAlongK ? vectors_are_aligned(x.b, x.b_k, x.b_row, batch, &BatchAxis::b)
                       : vectors_are_aligned(x.b, x.b_row, x.b_k, batch, &BatchAxis::b);
  out.aligned = vectors_are_aligned(x.out, x.out_column, x.out_row, batch, &BatchAxis::out);
  gemm::multiply(problem);
}

// The direction in which neighbours are nearer.
bool along_k(int64_t rows, int64_t row_stride, int64_t k_stride) {
  return rows == 1 || std::llabs(k_stride) <= std::llabs(row_stride);
}

template <class T>
void matmul_of(In a, In b, OptIn bias, Activation act, bool accumulate, Out out) {
  Batch batch(a, b, out);
  Product<T> x = product_of<T>(a, b, bias, act, accumulate, out);
  batch.fold_rows(x.m, x.a_row, x.out_row);
  if (x.n > 1 && x.m > 1 && std::llabs(x.out_row) < std::llabs(x.out_column)) transpose(x, batch);
  const bool a_along = along_k(x.m, x.a_row, x.a_k), b_along = along_k(x.n, x.b_row, x.b_k);
  if (a_along)
    b_along ? multiply<true, true>(x, batch) : multiply<true, false>(x, batch);
  else
    b_along ? multiply<false, true>(x, batch) : multiply<false, false>(x, batch);
}

}  // namespace

void matmul(In a, In b, OptIn bias, Activation act, Out out) {
  by_float("matmul", a.dtype, [&](auto type) { matmul_of<TypeOf<decltype(type)>>(a, b, bias, act, false, out); });
}

void addmm(In c, In a, In b, Out out) {
  refuse_shared("a", a, out);
  refuse_shared("b", b, out);
  start_from(c, out);
  by_float("addmm", a.dtype,
           [&](auto type) { matmul_of<TypeOf<decltype(type)>>(a, b, nullptr, Activation::none, true, out); });
}

}  // namespace pe
