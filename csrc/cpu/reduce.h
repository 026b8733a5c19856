// The skeleton of every reduction: out[kept axes] = finish(combine over the reduced axes of map(a)).
//
// A reducer R is a struct with types In, Acc (of the same size), Out and static members
//   identity()        combine(identity, x) is x; finish(identity) is what an empty reduction gives
//   map(x)            what one element counts for          } on whole vectors
//   combine(x, y)     associative up to rounding           }
//   finish(x)         Acc to Out, on one number
//
// Two ways to walk, by which axis is innermost in memory: reduce_rows.h where it is reduced, reduce_columns.h where it
// is kept. In both, leaves are combined in a binary tree and segments of leaves in another, so rounding errors grow
// with the logarithm of the length. Leaves and segments depend on shapes only: the same bits for every number of
// threads.
#pragma once

#include "cpu/elementwise_walk.h"
#include "cpu/gather.h"
#include "cpu/loops.h"
#include "cpu/reduce_columns.h"
#include "cpu/reduce_rows.h"

namespace pe::cpu {

namespace detail {

template <class R>
void fill_with_empty(Out out) {
  const typename R::Out empty = R::finish(R::identity());
  const Array* const arrays[] = {&out};
  const Walk walk = collapse(arrays, 1);
  parallel_rows(walk, kBlock, [&](char* const* row, int64_t begin, int64_t end) {
    copy_run(row[0] + begin * walk.inner_stride(0), walk.inner_stride(0), reinterpret_cast<const char*>(&empty), 0,
             end - begin, sizeof(empty));
  });
}

inline void note(LoopSketch& sketch, const ReductionLoop& loop, In a, const Array& out) {
  ++sketch.loops;
  sketch.kind = LoopSketch::Kind::reduction;
  sketch.reduction = loop;
  sketch.operands = 2;
  sketch.arrays[0] = out;
  sketch.arrays[1] = a;
}

}  // namespace detail

// `axes` as axis_mask gives them. `out` has the axes that are left, or with keepdims all, of length 1 where reduced.
template <class R>
void reduce(In a, uint32_t axes, Out out) {
  const int64_t inputs = a.size();
  if (out.size() == 0) return;
  if (inputs == 0) return detail::fill_with_empty<R>(out);
  if (LoopSketch* wanted = sketch(); wanted && out.size() == 1 && is_contiguous(a))
    return detail::note(*wanted, detail::RowReduction<R>::loop(), a, out);
  if (out.size() == 1 && inputs <= detail::kLeaf && is_contiguous(a))
    return detail::RowReduction<R>::one_leaf(a.as<typename R::In>(), inputs, out.as<char>());
  const Array kept = expanded(a, axes, out);
  const Array* const arrays[] = {&a, &kept};
  const Walk walk = collapse(arrays, 2);
  const Split parts = split(walk);
  if (walk.inner_stride(1) != 0 || detail::RowReduction<R>::prefers_columns(parts)) {
    detail::ColumnReduction<R>::run(parts);
  } else {
    detail::RowReduction<R>::run(parts);
  }
}

}  // namespace pe::cpu
