#include <cmath>

#include "check/check.h"

namespace pe::check {
namespace {

// An elementwise kernel with a limit of 2, against `f` on one element.
void check_limited(Report& report, const char* kernel, void (*run)(In, double, Out), double (*f)(double)) {
  for (DType dtype : kFloats)
    for (Layout layout : kInputLayouts)
      for (const Shape& shape : {Shape{}, Shape{0, 3}, Shape{17}, Shape{5, 9}, Shape{40001}}) {
        if (too_many(shape, layout)) continue;
        Tensor a(dtype, shape, layout), out(size_outputs(a, 2));
        a.fill(1, -5, 5);
        const auto want = [&] {
          Values values = a.values();
          for (double& value : values) value = f(value);
          return values;
        };
        report.expect(std::string(kernel) + " " + describe(a, layout), out, want, 0, [&] { run(a, 2, out); });
      }
}

void check_huber(Report& report) {
  check_limited(report, "huber", huber, [](double a) { return std::fabs(a) > 2 ? 2 * (std::fabs(a) - 1) : a * a / 2; });
}

void check_clip_size(Report& report) {
  check_limited(report, "clip_size", clip_size, [](double a) { return a > 2 ? 2 : a < -2 ? -2 : a; });
}

void check_small_size(Report& report) {
  check_limited(report, "small_size", small_size, [](double a) { return std::fabs(a) < 2 ? 1.0 : 0.0; });
}

double log1p_exp(double a) { return std::log1p(std::exp(-std::fabs(a))) + std::fmax(a, 0); }

void check_bce(Report& report, const char* kernel, void (*run)(In, In, In, Out),
               double (*f)(double a, double target, double weight)) {
  for (DType dtype : kFloats)
    for (Layout layout : kInputLayouts)
      for (const Shape& shape : {Shape{17}, Shape{5, 9}, Shape{200, 203}}) {
        if (too_many(shape, layout)) continue;
        Tensor a(dtype, shape, layout), target(dtype, shape), weight(dtype, {shape.back()});
        a.fill(2, -30, 30);
        target.fill(3, 0, 1);
        weight.fill(4, 1, 3);
        Tensor out(bce_outputs(a, target, weight));
        const auto want = [&] {
          Values values;
          for_each_index(shape_of(a), [&](std::span<const int64_t> index) {
            values.push_back(f(at(a, index), at(target, index), at(weight, index)));
          });
          return values;
        };
        report.expect(std::string(kernel) + " " + describe(a, layout), out, want, rounding(dtype),
                      [&] { run(a, target, weight, out); });
      }
}

void check_bce_loss(Report& report) {
  check_bce(report, "bce_with_logits", bce_with_logits,
            [](double a, double t, double p) { return (1 - t) * a + (1 + (p - 1) * t) * log1p_exp(-a); });
}

void check_bce_slope(Report& report) {
  check_bce(report, "bce_with_logits_slope", bce_with_logits_slope,
            [](double a, double t, double p) { return (1 - t) - (1 + (p - 1) * t) / (1 + std::exp(a)); });
}

const Registered kHuber{"huber", check_huber};
const Registered kClipSize{"clip_size", check_clip_size};
const Registered kSmallSize{"small_size", check_small_size};
const Registered kBce{"bce_with_logits", check_bce_loss};
const Registered kBceSlope{"bce_with_logits_slope", check_bce_slope};

}  // namespace
}  // namespace pe::check
