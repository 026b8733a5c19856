// Checks that the optimizers' kernels share.
#pragma once

#include <span>
#include <string>

#include "kernels/rules.h"

namespace pe {

// A float32 or float64 array along one axis (or none, for one element) of that many elements.
inline void require_elements(const char* what, In a, int64_t count) {
  require_float(a);
  if (a.size() != count || a.ndim > 1)
    throw ShapeError(std::string(what) + " has " + std::to_string(count) + (count == 1 ? " element" : " elements") +
                     ", not " + describe(a));
}

inline void require_count(size_t params, const char* what, size_t count) {
  if (count != params) throw ShapeError(std::to_string(params) + " params but " + std::to_string(count) + " " + what);
}

// For each parameter, which is float32 or float64, one array of its shape and dtype.
inline void require_alike(std::span<const Array> params, const char* what, std::span<const Array> others) {
  require_count(params.size(), what, others.size());
  for (size_t i = 0; i < params.size(); ++i) {
    require_float(params[i]);
    require_same_dtype(params[i], others[i]);
    if (!same_shape(params[i], others[i]))
      throw ShapeError("parameter " + std::to_string(i) + ": shapes of params and " + what +
                       " differ: " + both(params[i], others[i]));
  }
}

// For each parameter one element that counts its steps.
inline void require_steps(std::span<const Array> params, std::span<const Array> steps) {
  require_count(params.size(), "steps", steps.size());
  for (const Array& step : steps) require_elements("steps[i]", step, 1);
}

}  // namespace pe
