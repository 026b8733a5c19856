// matmul: out[..., m, n] = act(a[..., m, k] · b[..., k, n] + bias[n]); addmm: out = c + a · b, where out may be c.
//
// 2·m·n·k FLOP on m·k + k·n + m·n numbers: from n = 100 on the FMA units are the limit, provided that every number that
// was fetched is used often. Blocks for the caches (matmul_blocks.h) and tiles in registers (matmul_tile.h) see to
// that; operands are packed into panels (matmul_pack.h) where it pays. Few rows against a transposed matrix are dot
// products (matmul_dot.h). This file turns batches into single products: small ones run side by side, large ones are
// split.
#include "kernels/matmul.h"

#include <algorithm>

#include "core/batch.h"
#include "cpu/matmul_blocks.h"
#include "cpu/matmul_dot.h"
#include "kernels/in_place.h"

namespace pe {
namespace {

using gemm::Batch;
using gemm::kTaskFlops;
using gemm::Product;

template <class T>
void multiply(const Product<T>& x, bool parallel) {
  if (x.m == 0 || x.n == 0) return;
  if (gemm::dots_suit(x))
    gemm::multiply_dots(x, parallel);
  else
    gemm::multiply_blocks(x, parallel);
}

template <class T>
Product<T> item(Product<T> x, const Batch& batch, int64_t index) {
  const gemm::BatchAxis at = batch.offsets(index);
  x.a += at.a;
  x.b += at.b;
  x.c += at.out;
  return x;
}

template <class T>
void multiply_batch(const Product<T>& x, const Batch& batch) {
  const int64_t items = batch.size(), flops = x.flops();
  constexpr int64_t kAlone = 32 * kTaskFlops;  // an item with more is worth splitting
  if (items == 1) return multiply(item(x, batch, 0), flops >= 2 * kTaskFlops);
  if (flops > kAlone) {
    for (int64_t i = 0; i < items; ++i) multiply(item(x, batch, i), true);
    return;
  }
  parallel_ranges(items, std::max<int64_t>(1, kTaskFlops / std::max<int64_t>(flops, 1024)),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t i = begin; i < end; ++i) multiply(item(x, batch, i), false);
                  });
}

template <class T>
void matmul_of(In a, In b, OptIn bias, Activation act, bool accumulate, Out out) {
  const int64_t* as = a.shape + a.ndim - 2;
  const int64_t* bs = b.shape + b.ndim - 2;
  const int64_t* at = a.strides + a.ndim - 2;
  const int64_t* bt = b.strides + b.ndim - 2;
  const int64_t* ct = out.strides + out.ndim - 2;
  Product<T> x{as[0],     bs[1], as[1],       a.as<T>(), at[0], at[1],   b.as<T>(),
               bt[0],     bt[1], out.as<T>(), ct[0],     ct[1], nullptr, act == Activation::relu,
               accumulate};
  Batch batch(a, b, out);
  batch.fold_rows(x.m, x.a_row, x.c_row);
  if (!bias) return multiply_batch(x, batch);
  if (bias->strides[0] == 1 || x.n == 1) {
    x.bias = bias->as<T>();
    return multiply_batch(x, batch);
  }
  Scratch<T> row(x.n);
  for (int64_t j = 0; j < x.n; ++j) row[j] = bias->as<T>()[j * bias->strides[0]];
  x.bias = row.data();
  multiply_batch(x, batch);
}

}  // namespace

void matmul(In a, In b, OptIn bias, Activation act, Out out) {
  if (a.dtype == DType::f32)
    matmul_of<float>(a, b, bias, act, false, out);
  else
    matmul_of<double>(a, b, bias, act, false, out);
}

void addmm(In c, In a, In b, Out out) {
  refuse_shared("a", a, out);
  refuse_shared("b", b, out);
  start_from(c, out);
  if (a.dtype == DType::f32)
    matmul_of<float>(a, b, nullptr, Activation::none, true, out);
  else
    matmul_of<double>(a, b, nullptr, Activation::none, true, out);
}

}  // namespace pe
