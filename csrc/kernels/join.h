// Putting arrays together, and cutting matrices along a diagonal. Any dtype; nothing is computed.
#pragma once

#include "kernels/rules.h"

namespace pe {

// the arrays one after the other along `axis`; all other lengths are the same
void concat(InList arrays, const Ints& axis, Out out);
// the last two axes with 0 above (tril) or below (triu) the diagonal j = i + diagonal
void tril(In a, const Ints& diagonal, Out out);
void triu(In a, const Ints& diagonal, Out out);

Spec concat_outputs(const InList& arrays, const Ints& axis);
Spec triangle_outputs(In a, const Ints& diagonal);

template <class Visitor>
void for_each_join_kernel(Visitor&& visit) {
  visit(Kernel<concat, concat_outputs>{"concat", "arrays, axis"});
  visit(Kernel<tril, triangle_outputs>{"tril", "a, diagonal"});
  visit(Kernel<triu, triangle_outputs>{"triu", "a, diagonal"});
}

}  // namespace pe
