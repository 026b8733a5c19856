// Pairs of columns turned by an angle that depends on the row: where a token stands. T; a[…, n], cos and sin[…, pairs].
#pragma once

#include "kernels/rules.h"

namespace pe {

// (x, y) becomes (x · cos - y · sin, y · cos + x · sin); `inverse` takes -sin for sin. The first 2 · pairs columns are
// turned: x and y are neighbours where interleaved, else the first and the second half of these columns. The others are
// copied. The axes of cos and sin before the last broadcast to a's.
void rotary_embedding(In a, In cos, In sin, bool interleaved, bool inverse, Out out);
Spec rotary_embedding_outputs(In a, In cos, In sin, bool interleaved, bool inverse);

// The first column of each pair, and how many elements behind it lies its partner.
struct Pairs {
  Array first;
  int64_t partner;
};
Pairs pairs_of(const Array& a, int64_t count, bool interleaved);
Array columns_from(const Array& a, int64_t column);

template <class Visitor>
void for_each_rotary_embedding_kernel(Visitor&& visit) {
  visit(Kernel<rotary_embedding, rotary_embedding_outputs>{"rotary_embedding",
                                                           "a, cos, sin, interleaved=False, inverse=False"});
}

}  // namespace pe
