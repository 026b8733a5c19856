// Choosing elements by position, and putting them back. Positions are int64 and checked: one outside of its axis throws
// IndexError. Elements are of any dtype; where they are added up, float32, float64 or int64.
//
// index, index_put and index_add take one array of positions for each of `axes` (rising axis numbers); the arrays
// broadcast together, to the shape B. The axes that they index give way to B: there, where they are neighbours, else in
// front of all others, as in NumPy. Negative positions count from the end where `wrap` is true.
// gather, scatter and scatter_add take positions along one axis, for each line along it: index[i][j][k] stands for the
// element [index[i][j][k]][j][k] where axis is 0. Each length of index but that of `axis` may be shorter.
#pragma once

#include "kernels/rules.h"

namespace pe {

void index(In a, InList indices, const Ints& axes, bool wrap, Out out);
// out = a, with src at the positions; of several for the same place the last stays
void index_put(In a, In src, InList indices, const Ints& axes, Out out);
// out[shape] = 0, with src added at the positions, one after the other
void index_add(In src, InList indices, const Ints& axes, const Ints& shape, Out out);

void gather(In a, In positions, const Ints& axis, Out out);
void scatter(In a, In src, In positions, const Ints& axis, Out out);                   // as index_put
void scatter_add(In src, In positions, const Ints& axis, const Ints& shape, Out out);  // as index_add

Spec index_outputs(In a, const InList& indices, const Ints& axes, bool wrap);
Spec index_put_outputs(In a, In src, const InList& indices, const Ints& axes);
Spec index_add_outputs(In src, const InList& indices, const Ints& axes, const Ints& shape);
Spec gather_outputs(In a, In positions, const Ints& axis);
Spec scatter_outputs(In a, In src, In positions, const Ints& axis);
Spec scatter_add_outputs(In src, In positions, const Ints& axis, const Ints& shape);

// The common shape of index arrays.
Spec broadcast_indices(const InList& indices);
// Whether the indexed axes follow each other, so that what is chosen stays in their place.
bool are_neighbours(const Ints& axes);

template <class Visitor>
void for_each_index_kernel(Visitor&& visit) {
  visit(Kernel<index, index_outputs>{"index", "a, indices, axes, wrap=True"});
  visit(Kernel<index_put, index_put_outputs>{"index_put", "a, src, indices, axes", true});
  visit(Kernel<index_add, index_add_outputs>{"index_add", "src, indices, axes, shape"});
  visit(Kernel<gather, gather_outputs>{"gather", "a, index, axis"});
  visit(Kernel<scatter, scatter_outputs>{"scatter", "a, src, index, axis", true});
  visit(Kernel<scatter_add, scatter_add_outputs>{"scatter_add", "src, index, axis, shape"});
}

}  // namespace pe
