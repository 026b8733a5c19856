// The step counts of all parameters, one element each, in one launch.
#pragma once

#include <span>

#include "cuda/param_lists.h"

namespace pe::cuda {

struct StepTable {
  static constexpr int kMost = 200;

  int count = 0;
  int64_t first = 0;  // number of the first parameter
  void* data[kMost];
  bool wide[kMost], wide_param[kMost];  // float64
};

// Counts one step more for each; then(t, i, wide) with the new count, the number of the parameter and its width.
template <class Then>
__global__ void __launch_bounds__(kThreads) advance_steps(StepTable steps, Then then) {
  const int i = static_cast<int>(threadIdx.x);
  if (i >= steps.count) return;
  double t = 0;
  if (steps.wide[i]) {
    t = ++*static_cast<double*>(steps.data[i]);
  } else {
    t = ++*static_cast<float*>(steps.data[i]);
  }
  then(t, steps.first + i, steps.wide_param[i]);
}

template <class Then>
void advance(std::span<const Array> params, std::span<const Array> steps, const Then& then) {
  StepTable table;
  for (size_t i = 0; i < steps.size(); ++i) {
    table.data[table.count] = steps[i].data;
    table.wide[table.count] = steps[i].dtype == DType::f64;
    table.wide_param[table.count++] = params[i].dtype == DType::f64;
    if (table.count < table.kMost && i + 1 < steps.size()) continue;
    enqueue(advance_steps<Then>, 1, kThreads)(table, then);
    table.first += table.count;
    table.count = 0;
  }
}

}  // namespace pe::cuda
