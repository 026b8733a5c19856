#include <array>

#include "check/check.h"

namespace pe::check {
namespace {

constexpr DType kTypes[] = {DType::f32, DType::f64, DType::f16, DType::bf16, DType::i64, DType::u8};

// An index of a matrix[rows, columns] by positions along its axes, with plain loops.
void check_index(Report& report) {
  for (DType dtype : kTypes)
    for (Layout layout : kInputLayouts) {
      Tensor a(dtype, {60, 70}, layout), rows(DType::i64, {300}, layout), columns(DType::i64, {2, 300});
      a.fill(1, 0, 99);
      rows.fill(2, -60, 59);
      columns.fill(3, -70, 69);
      const Values values = a.values(), r = rows.values(), c = columns.values();
      const auto at = [&](double row, double column) {
        return values[static_cast<size_t>((row < 0 ? row + 60 : row) * 70 + (column < 0 ? column + 70 : column))];
      };
      const Array both_axes[] = {rows, columns};
      Tensor out(index_outputs(a, both_axes, ints({0, 1}), true),
                 layout == Layout::gaps ? Layout::transposed : Layout::rows);
      report.expect(
          "index both axes of " + describe(a, layout), out,
          [&] {
            Values want;
            for (size_t i = 0; i < 600; ++i) want.push_back(at(r[i % 300], c[i]));
            return want;
          },
          0, [&] { index(a, both_axes, ints({0, 1}), true, out); });
      const Array one_axis[] = {rows};
      Tensor chosen(index_outputs(a, one_axis, ints({0}), true));
      report.expect(
          "index rows of " + describe(a, layout), chosen,
          [&] {
            Values want;
            for (size_t i = 0; i < 300; ++i)
              for (int column = 0; column < 70; ++column) want.push_back(at(r[i], column));
            return want;
          },
          0, [&] { index(a, one_axis, ints({0}), true, chosen); });
    }
  Tensor a(DType::f32, {3, 4}), positions(DType::i64, {2}), out(DType::f32, {2, 4});
  const Array one[] = {positions};
  for (double bad : {3.0, -4.0}) {
    positions.fill([&](int64_t i) { return i ? bad : 0; });
    report.expect_refusal("index with a position outside", [&] { index(a, one, ints({0}), true, out); });
  }
  positions.fill([](int64_t) { return -1; });
  report.expect_refusal("index with a negative position", [&] { index(a, one, ints({0}), false, out); });
}

void check_put_and_add(Report& report, bool add) {
  for (DType dtype : kNumbers)
    for (Layout layout : kInputLayouts) {
      Tensor a(dtype, {40, 90}, layout), src(dtype, {500, 90}, layout), rows(DType::i64, {500});
      a.fill(1, -9, 9);
      src.fill(2, -9, 9);
      rows.fill(3, 0, 39);
      const Values r = rows.values(), s = src.values();
      const Array one[] = {rows};
      Tensor out(dtype, {40, 90}, layout == Layout::transposed ? Layout::transposed : Layout::rows);
      const auto want = [&] {
        Values sums = add ? Values(3600) : a.values();
        for (size_t i = 0; i < s.size(); ++i) {
          double& to = sums[static_cast<size_t>(r[i / 90]) * 90 + i % 90];
          to = s[i] + (add ? to : 0);
        }
        return sums;
      };
      report.expect((add ? "index_add of " : "index_put of ") + describe(src, layout), out, want, 0, [&] {
        if (add) {
          index_add(src, one, ints({0}), ints({40, 90}), out);
        } else {
          index_put(a, src, one, ints({0}), out);
        }
      });
    }
}

// Positions along axis 0 and 1 of a matrix: gather, scatter, scatter_add.
enum class Lines { gather, scatter, scatter_add };

// Sums of which many meet at each place: of whole numbers, and of such whose order shows in the bits.
void check_one_line(Report& report) {
  for (int scale : {1, 3}) {
    Tensor src(DType::f32, {5000}), positions(DType::i64, {5000}), out(DType::f32, {50});
    src.fill([&](int64_t i) {
      return static_cast<double>(static_cast<float>(i * 7919 % 1000 - 500) / static_cast<float>(scale));
    });
    positions.fill(3, 0, 49);
    const auto want = [&] {
      const Values s = src.values(), p = positions.values();
      std::array<float, 50> sums{};
      for (size_t i = 0; i < s.size(); ++i) sums[static_cast<size_t>(p[i])] += static_cast<float>(s[i]);
      return Values(sums.begin(), sums.end());
    };
    report.expect("scatter_add of one line", out, want, 0,
                  [&] { scatter_add(src, positions, ints({0}), ints({50}), out); });
  }
}

void check_lines(Report& report, Lines kind) {
  for (DType dtype : kNumbers)
    for (Layout layout : kInputLayouts)
      for (int64_t axis : {0, 1}) {
        const Shape shape = axis ? Shape{300, 50} : Shape{50, 300}, counts = axis ? Shape{299, 60} : Shape{60, 299};
        Tensor whole(dtype, shape, layout), part(dtype, counts, layout), positions(DType::i64, counts, layout);
        whole.fill(1, -9, 9);
        part.fill(2, -9, 9);
        positions.fill(3, 0, 49);
        const Values w = whole.values(), s = part.values(), p = positions.values();
        const size_t width = static_cast<size_t>(shape[1]), columns = static_cast<size_t>(counts[1]);
        const auto place = [&](size_t i) {
          const auto position = static_cast<size_t>(p[i]);
          return axis ? i / columns * width + position : position * width + i % columns;
        };
        Tensor out(dtype, kind == Lines::gather ? counts : shape,
                   layout == Layout::gaps ? Layout::backwards : Layout::rows);
        const auto want = [&] {
          Values result = kind == Lines::gather ? s : kind == Lines::scatter ? w : Values(w.size());
          for (size_t i = 0; i < p.size(); ++i) {
            if (kind == Lines::gather) result[i] = w[place(i)];
            if (kind == Lines::scatter) result[place(i)] = s[i];
            if (kind == Lines::scatter_add) result[place(i)] += s[i];
          }
          return result;
        };
        report.expect("lines " + describe(whole, layout), out, want, 0, [&] {
          if (kind == Lines::gather) gather(whole, positions, ints({axis}), out);
          if (kind == Lines::scatter) scatter(whole, part, positions, ints({axis}), out);
          if (kind == Lines::scatter_add) scatter_add(part, positions, ints({axis}), ints(shape), out);
        });
      }
  if (kind == Lines::scatter_add) check_one_line(report);
  Tensor a(DType::f32, {3}), positions(DType::i64, {1}), out(DType::f32, {1});
  positions.fill([](int64_t) { return 3; });
  report.expect_refusal("gather with a position outside", [&] { gather(a, positions, ints({0}), out); });
}

const Registered kIndex{"index", check_index};
const Registered kPut{"index_put", [](Report& report) { check_put_and_add(report, false); }};
const Registered kAdd{"index_add", [](Report& report) { check_put_and_add(report, true); }};
const Registered kGather{"gather", [](Report& report) { check_lines(report, Lines::gather); }};
const Registered kScatter{"scatter", [](Report& report) { check_lines(report, Lines::scatter); }};
const Registered kScatterAdd{"scatter_add", [](Report& report) { check_lines(report, Lines::scatter_add); }};

}  // namespace
}  // namespace pe::check
