// What the checks of kernels over the last axis share: shapes, and plain loops over the rows of values. Sums over rows
// are taken in long double, so that they add no error of their own to a comparison in float64.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>

#include "check/check.h"

namespace pe::check {

inline const Shape kRowShapes[] = {{1}, {0, 4}, {3, 1}, {7, 10}, {2, 3, 33}, {5, 4099}, {400, 100}};

using Row = std::span<const double>;

// f(row) -> the values of each row's result, one after the other.
template <class F>
Values over_rows(const Values& x, int64_t columns, const F& f) {
  Values out;
  const size_t n = static_cast<size_t>(columns);
  for (size_t at = 0; at + n <= x.size() && n > 0; at += n)
    for (double value : f(Row(x).subspan(at, n))) out.push_back(value);
  return out;
}

inline double log_sum_exp(Row row) {
  const double most = *std::max_element(row.begin(), row.end());
  long double sum = 0;
  for (double value : row) sum += std::exp(static_cast<long double>(value) - most);
  return static_cast<double>(most + std::log(sum));
}

// body(dtype, layout, shape) for all of them that are not too many.
template <class Body>
void for_each_row_case(std::span<const DType> dtypes, const Body& body) {
  for (DType dtype : dtypes)
    for (Layout layout : kInputLayouts)
      for (const Shape& shape : kRowShapes)
        if (!too_many(shape, layout)) body(dtype, layout, shape);
}

}  // namespace pe::check
