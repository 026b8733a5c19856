#include <algorithm>

#include "check/rows.h"

namespace pe::check {
namespace {

template <class Before>
void check_extremum(Report& report, const char* kernel, void (*run)(In, Out, Out), const Before& before) {
  for_each_row_case(kNumbers, [&](DType dtype, Layout layout, const Shape& shape) {
    Tensor a(dtype, shape, layout);
    a.fill(1, -9, 9);
    const auto specs = max_outputs(a);
    Tensor values(specs[0]), indices(specs[1]);
    const auto place = [&](Row row) { return std::max_element(row.begin(), row.end(), before) - row.begin(); };
    const std::string what = std::string(kernel) + " " + describe(a, layout);
    const auto call = [&] { run(a, values, indices); };
    report.expect(
        what + ", values", values,
        [&] {
          return over_rows(a.values(), shape.back(),
                           [&](Row row) { return Values{row[static_cast<size_t>(place(row))]}; });
        },
        0, call);
    report.expect(
        what + ", indices", indices,
        [&] {
          return over_rows(a.values(), shape.back(), [&](Row row) { return Values{static_cast<double>(place(row))}; });
        },
        0, call);
  });
}

void check_max(Report& report) {
  check_extremum(report, "max", max, [](double x, double y) { return x < y; });
}

void check_min(Report& report) {
  check_extremum(report, "min", min, [](double x, double y) { return x > y; });
}

void check_shares(Report& report) {
  for_each_row_case(kFloats, [&](DType dtype, Layout layout, const Shape& shape) {
    Tensor a(dtype, shape, layout), y(max_outputs(a)[0]), out(extremum_shares_outputs(a, y));
    a.fill(2, 0, 3);
    y.fill([](int64_t) { return 2.0; });
    const auto want = [&] {
      return over_rows(a.values(), shape.back(), [](Row row) {
        const double share = 1.0 / static_cast<double>(std::count(row.begin(), row.end(), 2.0));
        Values shares;
        for (double value : row) shares.push_back(value == 2.0 ? share : 0.0);
        return shares;
      });
    };
    report.expect("extremum_shares " + describe(a, layout), out, want, rounding(dtype),
                  [&] { extremum_shares(a, y, out); });
  });
}

void check_take_and_put(Report& report) {
  for_each_row_case(kNumbers, [&](DType dtype, Layout layout, const Shape& shape) {
    Tensor a(dtype, shape, layout), index(max_outputs(a)[1]), taken(take_last_outputs(a, index));
    a.fill(3, -9, 9);
    index.fill(4, 0, static_cast<int>(shape.back()) - 1);
    const size_t columns = static_cast<size_t>(shape.back());
    report.expect(
        "take_last " + describe(a, layout), taken,
        [&] {
          const Values x = a.values(), places = index.values();
          Values want;
          for (size_t r = 0; r < places.size(); ++r) want.push_back(x[r * columns + static_cast<size_t>(places[r])]);
          return want;
        },
        0, [&] { take_last(a, index, taken); });
    Tensor put(put_last_outputs(taken, index, ints({shape.back()})),
               layout == Layout::gaps ? Layout::gaps : Layout::rows);
    report.expect(
        "put_last " + describe(put), put,
        [&] {
          const Values from = taken.values(), places = index.values();
          Values want(from.size() * columns);
          for (size_t r = 0; r < places.size(); ++r) want[r * columns + static_cast<size_t>(places[r])] = from[r];
          return want;
        },
        0, [&] { put_last(taken, index, ints({shape.back()}), put); });
  });
  Tensor a(DType::f32, {2, 3}), index(DType::i64, {2}), out(DType::f32, {2});
  index.fill([](int64_t i) { return i == 1 ? 3.0 : 0.0; });
  report.expect_refusal("take_last from outside", [&] { take_last(a, index, out); });
  report.expect_refusal("put_last outside", [&] { put_last(out, index, ints({3}), a); });
}

const Registered kMax{"max", check_max};
const Registered kMin{"min", check_min};
const Registered kShares{"extremum_shares", check_shares};
const Registered kTake{"take_last", check_take_and_put};
const Registered kPut{"put_last", check_take_and_put};

}  // namespace
}  // namespace pe::check
