#include <cmath>

#include "check/check.h"

namespace pe::check {
namespace {

struct Sizes {
  int64_t m, n, k;
};

// Below, at and above the tiles of every instruction set, no terms, nothing to compute, several blocks of k and of out.
constexpr Sizes kSizes[] = {{1, 1, 1},    {4, 4, 4},      {0, 3, 4},     {3, 4, 0},      {6, 16, 8},   {7, 17, 9},
                            {1, 10, 64},  {2, 40, 33},    {65, 5, 31},   {12, 64, 5},    {9, 71, 300}, {150, 130, 70},
                            {40, 1, 100}, {26, 300, 100}, {7, 20, 1100}, {25, 68, 1100}, {520, 33, 70}};

Values naive(const Tensor& a, const Tensor& b, const Tensor* bias, Activation act) {
  const int64_t m = a.shape[0], n = b.shape[1], k = a.shape[1];
  const Values left = a.values(), right = b.values();
  Values c(static_cast<size_t>(m * n));
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t p = 0; p < k; ++p)
        sum += left[static_cast<size_t>(i * k + p)] * right[static_cast<size_t>(p * n + j)];
      if (bias) sum += at(*bias, std::array{j});
      c[static_cast<size_t>(i * n + j)] = act == Activation::relu && sum <= 0 ? 0 : sum;
    }
  return c;
}

Values naive_batch(const Tensor& a, const Tensor& b, const Tensor& out) {
  Values values;
  for_each_index(shape_of(out), [&](std::span<const int64_t> index) {
    Shape in_a(index.begin(), index.end()), in_b = in_a;
    double sum = 0;
    for (int64_t p = 0; p < a.shape[a.ndim - 1]; ++p) {
      in_a.back() = in_b[in_b.size() - 2] = p;
      sum += at(a, in_a) * at(b, in_b);
    }
    values.push_back(sum);
  });
  return values;
}

// Small whole numbers: every partial sum is exact in any order, so the results must be equal.
void check_layouts(Report& report) {
  int round = 0;
  for (DType dtype : kFloats)
    for (const Sizes& s : kSizes)
      for (Layout left : kInputLayouts)
        for (Layout right : kInputLayouts) {
          if (s.m * s.n * s.k > 100000 && left != Layout::rows && right != Layout::rows) continue;
          Tensor a(dtype, {s.m, s.k}, left), b(dtype, {s.k, s.n}, right);
          Tensor bias(dtype, {s.n}, round % 2 ? Layout::backwards : Layout::rows);
          a.fill(1, -4, 4);
          b.fill(2, -4, 4);
          bias.fill(3, -9, 9);
          const Tensor* row = round % 3 ? &bias : nullptr;
          const Activation act = round % 4 < 2 ? Activation::relu : Activation::none;
          Tensor out(matmul_outputs(a, b, row, act), kOutputLayouts[round / 5 % 3]);
          ++round;
          report.expect(
              "matmul " + describe(a, left) + ", " + describe(b, right), out, [&] { return naive(a, b, row, act); }, 0,
              [&] { matmul(a, b, row, act, out); });
        }
}

void check_batches(Report& report) {
  const std::pair<Shape, Shape> pairs[] = {
      {{5, 7, 9}, {9, 11}},
      {{7, 9}, {3, 9, 11}},
      {{2, 1, 6, 8}, {3, 8, 16}},
      {{0, 2, 3}, {3, 4}},
      {{4, 3, 20, 24}, {4, 3, 24, 20}},
      {{16, 33, 40}, {16, 40, 33}},
  };
  for (DType dtype : kFloats)
    for (Layout layout : kInputLayouts)
      for (const auto& [left, right] : pairs) {
        Tensor a(dtype, left, layout), b(dtype, right);
        a.fill(4, -4, 4);
        b.fill(5, -4, 4);
        Tensor out(matmul_outputs(a, b, nullptr, Activation::none));
        const auto want = [&] { return naive_batch(a, b, out); };
        report.expect("matmul " + describe(a, layout) + ", " + describe(b), out, want, 0,
                      [&] { matmul(a, b, nullptr, Activation::none, out); });
      }
}

// Sums go on from c, in place and beside it.
void check_sums(Report& report) {
  for (DType dtype : kFloats)
    for (const Sizes& s : kSizes)
      for (Layout layout : kOutputLayouts) {
        Tensor a(dtype, {s.m, s.k}), b(dtype, {s.k, s.n}), c(dtype, {s.m, s.n}, layout);
        a.fill(1, -4, 4);
        b.fill(2, -4, 4);
        const auto want = [&] {
          c.fill(3, -9, 9);
          Values values = naive(a, b, nullptr, Activation::none), start = c.values();
          for (size_t i = 0; i < values.size(); ++i) values[i] += start[i];
          return values;
        };
        c.fill(3, -9, 9);
        Tensor out(addmm_outputs(c, a, b));
        report.expect("addmm to " + describe(c, layout), out, want, 0, [&] { addmm(c, a, b, out); });
        Tensor sum(addmm_outputs(c, a, b), layout);
        report.expect("addmm in place to " + describe(c, layout), sum, want, 0, [&] {
          sum.fill(3, -9, 9);
          addmm(sum, a, b, sum);
        });
      }
  Tensor even(DType::f32, {3, 3}), wide(DType::f32, {3, 4});
  report.expect_refusal("addmm in place of a factor", [&] { addmm(even, even, even, even); });
  report.expect_refusal("addmm to another shape", [&] { addmm_outputs(wide, even, even); });
}

void check_not_finite(Report& report) {
  Tensor a(DType::f32, {9, 20}), b(DType::f32, {20, 19});
  a.fill([](int64_t i) { return i == 45 ? NAN : i == 125 ? INFINITY : 1; });  // a[2, 5] and a[6, 5]
  b.fill([](int64_t) { return -1; });
  Tensor out(matmul_outputs(a, b, nullptr, Activation::relu));
  const auto want = [] {
    Values values(9 * 19, 0);
    std::fill(values.begin() + 2 * 19, values.begin() + 3 * 19, NAN);  // relu(-inf) is 0, a NaN stays
    return values;
  };
  report.expect("matmul with a NaN and an infinity", out, want, 0,
                [&] { matmul(a, b, nullptr, Activation::relu, out); });
}

void check_matmul(Report& report) {
  check_layouts(report);
  check_batches(report);
  check_not_finite(report);
  Tensor a(DType::f32, {2, 3}), b(DType::f32, {2, 3}), line(DType::f32, {3}), wide(DType::f64, {3, 2});
  const auto refused = [&](const char* what, const Tensor& left, const Tensor& right, const Tensor* bias) {
    report.expect_refusal(what, [&] { matmul_outputs(left, right, bias, Activation::none); });
  };
  refused("matmul of inner lengths that differ", a, b, nullptr);
  refused("matmul of a vector", a, line, nullptr);
  refused("matmul of two dtypes", a, wide, nullptr);
  Tensor square(DType::f32, {3, 2});
  refused("matmul with a bias of the wrong length", a, square, &line);
}

const Registered kMatmul{"matmul", check_matmul};
const Registered kAddmm{"addmm", check_sums};

}  // namespace
}  // namespace pe::check
