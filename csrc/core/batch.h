// The batch of a matrix product: which pairs of matrices are multiplied, and where each lies.
#pragma once

#include "core/array.h"

namespace pe::gemm {

// As an axis: how many items, and their strides in each operand. As a place: where an item lies in each operand.
struct BatchAxis {
  int64_t size, a, b, out;
};

// The batch axes outermost first, without those of length 1, neighbours merged where all three operands allow it.
struct Batch {
  int count = 0;
  BatchAxis axes[kMaxDims];

  Batch(In a, In b, Out out) {
    for (int i = 0; i < out.ndim - 2; ++i) {
      if (out.shape[i] == 1) continue;
      const BatchAxis axis{out.shape[i], stride(a, i - out.ndim + a.ndim), stride(b, i - out.ndim + b.ndim),
                           out.strides[i]};
      if (count > 0 && follows(axes[count - 1], axis))
        axes[count - 1] = {axes[count - 1].size * axis.size, axis.a, axis.b, axis.out};
      else
        axes[count++] = axis;
    }
  }

  int64_t size() const {
    int64_t n = 1;
    for (int i = 0; i < count; ++i) n *= axes[i].size;
    return n;
  }

  // constexpr, so that CUDA kernels may call it.
  constexpr BatchAxis offsets(int64_t item) const {
    BatchAxis at{};
    for (int i = count - 1; i >= 0; --i) {
      const int64_t place = item % axes[i].size;
      item /= axes[i].size;
      at.a += place * axes[i].a;
      at.b += place * axes[i].b;
      at.out += place * axes[i].out;
    }
    return at;
  }

  // A batch that shares b is one taller product, if the rows of a and of out go on evenly from item to item: takes the
  // last axis into the m rows.
  void fold_rows(int64_t& m, int64_t& a_row, int64_t& out_row) {
    if (count == 0) return;
    const BatchAxis& axis = axes[count - 1];
    if (axis.b != 0) return;
    if (m == 1) {
      a_row = axis.a;
      out_row = axis.out;
    }
    if (axis.a != m * a_row || axis.out != m * out_row) return;
    m *= axis.size;
    --count;
  }

 private:
  static int64_t stride(In array, int axis) { return axis < 0 || array.shape[axis] == 1 ? 0 : array.strides[axis]; }
  static bool follows(const BatchAxis& outer, const BatchAxis& inner) {
    return outer.a == inner.size * inner.a && outer.b == inner.size * inner.b && outer.out == inner.size * inner.out;
  }
};

}  // namespace pe::gemm
