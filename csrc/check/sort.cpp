#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "check/check.h"

namespace pe::check {
namespace {

// The first `share` of each column (axis 0) or row (axis 1), by a stable sort of positions.
void check_order(Report& report, bool top, double share) {
  for (DType dtype : kNumbers)
    for (Layout layout : kInputLayouts)
      for (bool falling : {false, true})
        for (const Shape& shape : {Shape{30, 70}, Shape{700, 9}, Shape{9, 700}, Shape{4, 3001}})
          for (int64_t axis : {0, 1}) {
            if (too_many(shape, layout)) continue;
            Tensor a(dtype, shape, layout);
            a.fill(1, -50, 50);
            if (dtype != DType::i64) write(dtype, element(a, std::array<int64_t, 2>{3, 4}), std::nan(""));
            const int64_t n = shape[static_cast<size_t>(axis)],
                          k = std::max(int64_t{1}, static_cast<int64_t>(share * static_cast<double>(n))),
                          lines = shape[size_t(1 - axis)];
            const auto specs = topk_outputs(a, ints({k}), ints({axis}), falling);
            Tensor values(specs[0]), indices(specs[1], layout == Layout::gaps ? Layout::transposed : Layout::rows);
            const Values x = a.values();
            const auto at = [&](int64_t line, int64_t i) {
              return x[static_cast<size_t>(axis ? line * shape[1] + i : i * shape[1] + line)];
            };
            Values want(static_cast<size_t>(k * lines));
            for (int64_t line = 0; line < lines; ++line) {
              std::vector<int64_t> order(static_cast<size_t>(n));
              std::iota(order.begin(), order.end(), int64_t{0});
              const auto below = [](double p, double q) { return std::isnan(q) ? !std::isnan(p) : p < q; };
              std::sort(order.begin(), order.end(), [&](int64_t p, int64_t q) {
                const double first = at(line, falling ? q : p), second = at(line, falling ? p : q);
                return below(first, second) || (!below(second, first) && p < q);  // equal ones keep their order
              });
              for (int64_t i = 0; i < k; ++i)
                want[static_cast<size_t>(axis ? line * k + i : i * lines + line)] =
                    static_cast<double>(order[static_cast<size_t>(i)]);
            }
            const auto call = [&] {
              if (top) return topk(a, ints({k}), ints({axis}), falling, values, indices);
              sort(a, ints({axis}), falling, values, indices);
            };
            report.expect("order of " + describe(a, layout), indices, [&] { return want; }, 0, call);
          }
}

const Registered kSort{"sort", [](Report& report) { check_order(report, false, 1); }};
const Registered kTopkMany{"topk", [](Report& report) { check_order(report, true, 0.4); }};
const Registered kTopkSome{"topk", [](Report& report) { check_order(report, true, 0.1); }};
const Registered kTopkFew{"topk", [](Report& report) { check_order(report, true, 0.01); }};

}  // namespace
}  // namespace pe::check
