// matmul: out[..., m, n] = act(a[..., m, k] · b[..., k, n] + bias[n])
//
// 2·m·n·k FLOP on m·k + k·n + m·n numbers: from n = 100 on the FMA units are the limit, provided that every number that
// was fetched is used often. Blocks for the caches (matmul_blocks.h) and tiles in registers (matmul_tile.h) see to
// that; operands are packed into panels (matmul_pack.h) where it pays. Few rows against a transposed matrix are dot
// products (matmul_dot.h). This file turns batches into single products: small ones run side by side, large ones are
// split.
#include "kernels/matmul.h"

#include <algorithm>

#include "cpu/matmul_blocks.h"
#include "cpu/matmul_dot.h"

namespace pe {
namespace {

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

struct Axis {
  int64_t size, a, b, c;  // strides
};

// The batch axes outermost first, without those of length 1, neighbours merged where all three operands allow it.
struct Batch {
  int count = 0;
  Axis axes[kMaxDims];

  Batch(In a, In b, Out out) {
    for (int i = 0; i < out.ndim - 2; ++i) {
      if (out.shape[i] == 1) continue;
      const Axis axis{out.shape[i], stride(a, i - out.ndim + a.ndim), stride(b, i - out.ndim + b.ndim), out.strides[i]};
      if (count > 0 && follows(axes[count - 1], axis))
        axes[count - 1] = {axes[count - 1].size * axis.size, axis.a, axis.b, axis.c};
      else
        axes[count++] = axis;
    }
  }

  int64_t size() const {
    int64_t n = 1;
    for (int i = 0; i < count; ++i) n *= axes[i].size;
    return n;
  }

  static int64_t stride(In array, int axis) { return axis < 0 || array.shape[axis] == 1 ? 0 : array.strides[axis]; }
  static bool follows(const Axis& outer, const Axis& inner) {
    return outer.a == inner.size * inner.a && outer.b == inner.size * inner.b && outer.c == inner.size * inner.c;
  }
};

// A batch that shares b is one taller product, if the rows of a and of out go on evenly from item to item.
template <class T>
void fold_rows(Product<T>& x, Batch& batch) {
  if (batch.count == 0) return;
  const Axis& axis = batch.axes[batch.count - 1];
  if (axis.b != 0) return;
  if (x.m == 1) {
    x.a_row = axis.a;
    x.c_row = axis.c;
  }
  if (axis.a != x.m * x.a_row || axis.c != x.m * x.c_row) return;
  x.m *= axis.size;
  --batch.count;
}

template <class T>
Product<T> item(Product<T> x, const Batch& batch, int64_t index) {
  for (int i = batch.count - 1; i >= 0; --i) {
    const Axis& axis = batch.axes[i];
    const int64_t at = index % axis.size;
    index /= axis.size;
    x.a += at * axis.a;
    x.b += at * axis.b;
    x.c += at * axis.c;
  }
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
void matmul_of(In a, In b, OptIn bias, Activation act, Out out) {
  const int64_t* as = a.shape + a.ndim - 2;
  const int64_t* bs = b.shape + b.ndim - 2;
  const int64_t* at = a.strides + a.ndim - 2;
  const int64_t* bt = b.strides + b.ndim - 2;
  const int64_t* ct = out.strides + out.ndim - 2;
  Product<T> x{as[0], bs[1], as[1],       a.as<T>(), at[0], at[1],   b.as<T>(),
               bt[0], bt[1], out.as<T>(), ct[0],     ct[1], nullptr, act == Activation::relu};
  Batch batch(a, b, out);
  fold_rows(x, batch);
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
    matmul_of<float>(a, b, bias, act, out);
  else
    matmul_of<double>(a, b, bias, act, out);
}

}  // namespace pe
