#include <cmath>

#include "check/check.h"

namespace pe::check {
namespace {

void check_copy(Report& report) {
  for (DType from : kAllTypes)
    for (DType to : kAllTypes)
      for (Layout layout : kInputLayouts)
        for (const Shape& shape : {Shape{}, Shape{0, 2}, Shape{19}, Shape{6, 7}, Shape{2, 3, 4, 5}, Shape{181, 233}}) {
          if (too_many(shape, layout) || (shape.size() == 2 && shape[0] > 100 && from != to && from != DType::f32))
            continue;
          Tensor a(from, shape, layout);
          a.fill(1, 0, 5);
          Tensor out(copy_outputs(a, to), layout == Layout::repeated ? Layout::transposed : Layout::rows);
          const auto want = [&] {
            Values values = a.values();
            if (to == DType::b8)
              for (double& value : values) value = value != 0;
            return values;
          };
          report.expect("copy " + describe(a, layout) + " to " + name(to), out, want, 0, [&] { copy(a, to, out); });
        }
  Tensor a(DType::f32, {4}), out(DType::i32, {4});
  a.fill([](int64_t i) { return std::array{2.9, -2.9, 0.5, -0.5}[static_cast<size_t>(i)]; });
  report.expect("copy truncates", out, [] { return Values{2, -2, 0, 0}; }, 0, [&] { copy(a, DType::i32, out); });
}

void check_full(Report& report) {
  for (DType dtype : kAllTypes)
    for (Layout layout : kOutputLayouts)
      for (const Shape& shape : {Shape{}, Shape{0}, Shape{31}, Shape{5, 7}, Shape{181, 233}}) {
        const Ints sizes = ints(shape);
        Tensor out(full_outputs(sizes, 3, dtype), layout);
        const auto want = [&] { return Values(static_cast<size_t>(out.size()), dtype == DType::b8 ? 1 : 3); };
        report.expect("full " + describe(out, layout), out, want, 0, [&] { full(sizes, 3, dtype, out); });
      }
}

const Registered kCopy{"copy", check_copy};
const Registered kFull{"full", check_full};

}  // namespace
}  // namespace pe::check
