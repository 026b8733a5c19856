// out[kept axes] = the sum of a over any set of axes. Reads each element once, 1 addition each: memory bound.
//
// The walk and the tree of partial sums are reduce.h's. With u the unit roundoff and n summands, each result differs
// from the exact sum by at most (kLeaf / (kWays · lanes) + 10 + log2 n)·u·Σ|a|, at worst 42 + log2 n and on AVX2 in
// float32 26 + log2 n (to first order; in columns 1 + log2 n). int64 computes as uint64, whose overflow wraps.
#include "cpu/reduce.h"

#include "core/axes.h"
#include "kernels.h"

namespace pe {

namespace {

template <class T>
struct Sum {
  using In = T;
  using Acc = T;
  using Out = T;
  static T identity() { return 0; }
  template <class V>
  static V map(V x) {
    return x;
  }
  template <class V>
  static V combine(V x, V y) {
    return x + y;
  }
  static T finish(T total) { return total; }
};

}  // namespace

void sum(In a, const Ints& axis, bool, Out out) {
  const uint32_t axes = axis_mask(a, axis);
  switch (a.dtype) {
    case DType::f32:
      return cpu::reduce<Sum<float>>(a, axes, out);
    case DType::f64:
      return cpu::reduce<Sum<double>>(a, axes, out);
    case DType::i64:
      return cpu::reduce<Sum<uint64_t>>(a, axes, out);
    default:
      throw DTypeError(std::string("sum: computes in float32, float64 or int64, not ") + name(a.dtype));
  }
}

}  // namespace pe
