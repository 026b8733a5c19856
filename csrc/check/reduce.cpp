#include <cmath>

#include "check/check.h"

namespace pe::check {
namespace {

void check_sum(Report& report) {
  const std::pair<Shape, Shape> cases[] = {
      {{}, {}},          {{5}, {0}},        {{0, 4}, {0}},    {{4, 0}, {1}},          {{7, 9}, {0}},
      {{7, 9}, {-1}},    {{7, 9}, {0, 1}},  {{3, 4, 5}, {1}}, {{3, 4, 5}, {0, 2}},    {{3, 4, 5}, {}},
      {{2000, 37}, {0}}, {{37, 2000}, {1}}, {{70001}, {0}},   {{3, 5, 4001}, {0, 2}},
  };
  for (DType dtype : kNumbers)
    for (Layout layout : kInputLayouts)
      for (const auto& [shape, axes] : cases)
        for (bool keepdims : {false, true}) {
          if (too_many(shape, layout)) continue;
          Tensor a(dtype, shape, layout);
          a.fill(1, -9, 9);
          Ints axis = ints(axes);
          Tensor out(sum_outputs(a, axis, keepdims));
          const auto want = [&] {
            const Spec kept = sum_outputs(a, axis, true);
            Tensor position(DType::i64, Shape(kept.shape, kept.shape + kept.ndim));  // of an element of out in `values`
            position.fill([](int64_t p) { return static_cast<double>(p); });
            Values values(static_cast<size_t>(position.size()), 0);
            for_each_index(shape_of(a), [&](std::span<const int64_t> index) {
              values[static_cast<size_t>(at(position, index))] += at(a, index);
            });
            return values;
          };
          report.expect("sum " + describe(a, layout) + " to " + describe(out), out, want, 0,
                        [&] { sum(a, axis, keepdims, out); });
        }
  Tensor a(DType::f32, {3, 4});
  report.expect_refusal("sum over an axis that is not there", [&] { sum_outputs(a, ints({2}), false); });
}

const Registered kSum{"sum", check_sum};

}  // namespace
}  // namespace pe::check
