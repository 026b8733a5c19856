// out[kept axes] = the sum of a over any set of axes. Reads each element once, 1 addition each: memory bound.
//
// The walk and the trees of partial sums are reduce.h's. With u the unit roundoff and n summands each result differs
// from the exact sum by at most (1024 / (8·lanes) + 16 + log2 n)·u·Σ|a| to first order, where lanes is how many T a
// vector holds, and along axes that are not innermost by (2 + log2 n)·u·Σ|a|. int64 computes as uint64, which wraps.
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
