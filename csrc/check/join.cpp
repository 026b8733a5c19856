#include "check/check.h"

namespace pe::check {
namespace {

void check_concat(Report& report) {
  for (DType dtype : kAllTypes)
    for (Layout layout : kInputLayouts)
      for (int64_t axis : {0, 1}) {
        Tensor a(dtype, {axis ? 60 : 150, axis ? 150 : 60}, layout), b(dtype, {60, 60});
        a.fill(1, 0, 99);
        b.fill(2, 0, 99);
        const Array arrays[] = {a, b};
        Tensor out(concat_outputs(arrays, ints({axis})), layout == Layout::gaps ? Layout::transposed : Layout::rows);
        const auto want = [&] {
          const Values x = a.values(), y = b.values();
          Values both;
          if (axis == 0) both = x;
          for (size_t i = 0; i < 60; ++i) {
            const auto at = static_cast<ptrdiff_t>(i);
            if (axis == 1) both.insert(both.end(), x.begin() + at * 150, x.begin() + (at + 1) * 150);
            both.insert(both.end(), y.begin() + at * 60, y.begin() + (at + 1) * 60);
          }
          return both;
        };
        report.expect("concat " + describe(a, layout), out, want, 0, [&] { concat(arrays, ints({axis}), out); });
      }
}

// More arrays than one launch of a GPU takes.
void check_many(Report& report) {
  std::vector<Tensor> parts;
  Values want;
  for (int64_t i = 0; i < 75; ++i) {
    parts.emplace_back(DType::f32, Shape{i % 4, 3}).fill(static_cast<uint64_t>(i), -9, 9);
    const Values values = parts.back().values();
    want.insert(want.end(), values.begin(), values.end());
  }
  const std::vector<Array> arrays(parts.begin(), parts.end());
  Tensor out(concat_outputs(arrays, ints({0})));
  report.expect("concat of 75 arrays", out, [&] { return want; }, 0, [&] { concat(arrays, ints({0}), out); });
}

void check_triangle(Report& report, bool lower) {
  for (DType dtype : kAllTypes)
    for (Layout layout : kInputLayouts)
      for (int64_t diagonal : {0, 3, -9, 100}) {
        Tensor a(dtype, {3, 40, 50}, layout);
        a.fill(1, 1, 9);
        Tensor out(like(a), layout == Layout::gaps ? Layout::backwards : Layout::rows);
        const auto want = [&] {
          Values values = a.values();
          for (int64_t i = 0; i < 3 * 40 * 50; ++i) {
            const int64_t across = i % 50 - i / 50 % 40;
            if (lower ? across > diagonal : across < diagonal) values[static_cast<size_t>(i)] = 0;
          }
          return values;
        };
        report.expect((lower ? "tril " : "triu ") + describe(a, layout), out, want, 0,
                      [&] { lower ? tril(a, ints({diagonal}), out) : triu(a, ints({diagonal}), out); });
      }
}

const Registered kConcat{"concat", check_concat};
const Registered kConcatMany{"concat", check_many};
const Registered kTril{"tril", [](Report& report) { check_triangle(report, true); }};
const Registered kTriu{"triu", [](Report& report) { check_triangle(report, false); }};

}  // namespace
}  // namespace pe::check
