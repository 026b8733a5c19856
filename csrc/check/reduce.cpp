#include <cmath>
#include <span>

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

// Reductions of few elements each, in every layout, against `combine` over them one by one.
template <class Combine>
void check_reduction(Report& report, const char* kernel, std::span<const DType> dtypes,
                     void (*run)(In, const Ints&, bool, Out), Spec (*outputs)(In, const Ints&, bool), double start,
                     const Combine& combine) {
  const std::pair<Shape, Shape> cases[] = {{{5}, {0}},       {{7, 9}, {0}},     {{7, 9}, {1}}, {{3, 4, 5}, {0, 2}},
                                           {{2000, 9}, {0}}, {{9, 2000}, {-1}}, {{40001}, {0}}};
  for (DType dtype : dtypes)
    for (Layout layout : kInputLayouts)
      for (const auto& [shape, axes] : cases) {
        if (too_many(shape, layout)) continue;
        Tensor a(dtype, shape, layout);
        a.fill([](int64_t i) { return i % 97 == 5 ? -1.0 : 1.0; });
        const Ints axis = ints(axes);
        Tensor out(outputs(a, axis, true));
        const auto want = [&] {
          Tensor position(DType::i64, Shape(out.shape, out.shape + out.ndim));
          position.fill([](int64_t p) { return static_cast<double>(p); });
          Values values(static_cast<size_t>(position.size()), start);
          for_each_index(shape_of(a), [&](std::span<const int64_t> index) {
            double& value = values[static_cast<size_t>(at(position, index))];
            value = combine(value, at(a, index));
          });
          return values;
        };
        report.expect(std::string(kernel) + " " + describe(a, layout), out, want, 0, [&] { run(a, axis, true, out); });
      }
}

void check_prod(Report& report) {
  check_reduction(report, "prod", kNumbers, prod, sum_outputs, 1, [](double x, double y) { return x * y; });
}

void check_amax(Report& report) {
  check_reduction(report, "amax", kNumbers, amax, extremum_outputs, -9,
                  [](double x, double y) { return x > y ? x : y; });
  Tensor none(DType::f32, {0});
  report.expect_refusal("amax of nothing", [&] { extremum_outputs(none, ints({0}), false); });
}

void check_amin(Report& report) {
  check_reduction(report, "amin", kNumbers, amin, extremum_outputs, 9,
                  [](double x, double y) { return x < y ? x : y; });
}

constexpr DType kBools[] = {DType::b8};

void check_any(Report& report) {
  check_reduction(report, "any", kBools, any, truth_outputs, 0, [](double x, double y) { return x != 0 || y != 0; });
}

void check_all(Report& report) {
  check_reduction(report, "all", kBools, all, truth_outputs, 1, [](double x, double y) { return x != 0 && y != 0; });
}

const Registered kProd{"prod", check_prod};
const Registered kAmax{"amax", check_amax};
const Registered kAmin{"amin", check_amin};
const Registered kAny{"any", check_any};
const Registered kAll{"all", check_all};
const Registered kSum{"sum", check_sum};

}  // namespace
}  // namespace pe::check
