// out[i] = a[0] + … + a[i] along the last axis. T and int64.
#pragma once

#include "kernels/rules.h"

namespace pe {

void cumsum(In a, Out out);
Spec cumsum_outputs(In a);

template <class Visitor>
void for_each_cumsum_kernel(Visitor&& visit) {
  visit(Kernel<cumsum, cumsum_outputs>{"cumsum", "a"});
}

}  // namespace pe
