#include "check/check.h"

namespace pe::check {
namespace {

// where with a condition and values of different widths; the generic check gives all three the same dtype.
void check_where(Report& report) {
  for (DType dtype : kAllTypes)
    for (Layout layout : kInputLayouts)
      for (const auto& [gates, shape] :
           {std::pair<Shape, Shape>{{}, {3}}, {{17}, {5, 17}}, {{6, 11}, {6, 11}}, {{4, 1}, {1, 9}}, {{40001}, {1}}}) {
        if (too_many(gates, layout)) continue;
        Tensor condition(DType::b8, gates, layout), a(dtype, shape), b(dtype, {});
        condition.fill(1, 0, 1);
        a.fill(2, 0, 1);
        b.fill(3, 1, 1);
        Tensor out(where_outputs(condition, a, b));
        const auto want = [&] {
          Values values;
          for_each_index(shape_of(out), [&](std::span<const int64_t> index) {
            values.push_back(at(condition, index) != 0 ? at(a, index) : at(b, index));
          });
          return values;
        };
        report.expect("where " + describe(condition, layout) + ", " + describe(a), out, want, 0,
                      [&] { where(condition, a, b, out); });
      }
  Tensor gate(DType::i64, {2}), a(DType::f32, {2}), b(DType::f64, {2}), c(DType::b8, {2});
  report.expect_refusal("where on a condition of integers", [&] { where_outputs(gate, a, a); });
  report.expect_refusal("where on two dtypes", [&] { where_outputs(c, a, b); });
}

const Registered kWhere{"where", check_where};

}  // namespace
}  // namespace pe::check
