#include <cmath>

#include "check/check.h"

namespace pe::check {
namespace {

std::vector<Tensor> filled(DType dtype, Layout layout) {
  std::vector<Tensor> all;
  for (const Shape& shape : {Shape{3, 5}, Shape{0}, Shape{40001}, Shape{}, Shape{4, 6}})
    all.emplace_back(dtype, shape, layout).fill(all.size(), -9, 9);
  return all;
}

void check_global_norm(Report& report) {
  for (DType dtype : kFloats)
    for (Layout layout : kInputLayouts) {
      const std::vector<Tensor> tensors = filled(dtype, layout);
      const std::vector<Array> arrays(tensors.begin(), tensors.end());
      const auto want = [&] {
        double total = 0;
        for (const Tensor& tensor : tensors)
          for (double value : tensor.values()) total += value * value;
        return Values{dtype == DType::f32 ? static_cast<float>(std::sqrt(total)) : std::sqrt(total)};
      };
      Tensor out(global_norm_outputs(arrays));
      report.expect("global_norm " + describe(tensors[0], layout), out, want, 0, [&] { global_norm(arrays, out); });
    }
  std::vector<Tensor> many;  // more than one launch of a GPU takes
  for (size_t i = 0; i < 300; ++i) many.emplace_back(DType::f32, Shape{3}).fill([](int64_t) { return 2; });
  const std::vector<Array> all(many.begin(), many.end());
  Tensor large(DType::f32, {2}), out(DType::f32, {});
  report.expect("global_norm of 300 arrays", out, [] { return Values{60}; }, 0, [&] { global_norm(all, out); });
  large.fill([](int64_t) { return 3e30; });
  const Array array = large;
  const auto want = [] { return Values{3e30 * std::sqrt(2.0)}; };
  report.expect("global_norm of squares beyond float32", out, want, 1e-6, [&] { global_norm({&array, 1}, out); });
  report.expect_refusal("global_norm of nothing", [] { global_norm_outputs({}); });
}

void check_clip_factor(Report& report) {
  for (DType dtype : kFloats)
    for (double norm : {0.0, 0.5, 4.0, static_cast<double>(INFINITY), static_cast<double>(NAN)}) {
      Tensor given(dtype, {1}), out(dtype, {1});
      given.fill([&](int64_t) { return norm; });
      const auto want = [&] { return Values{std::isnan(norm) ? norm : std::min(1.0, 2 / (norm + 1e-6))}; };
      report.expect("clip_factor of " + std::to_string(norm), out, want, rounding(dtype),
                    [&] { clip_factor(given, 2, out); });
    }
}

template <class Change, class Call>
void check_in_place(Report& report, const std::string& name, const Change& change, const Call& call) {
  for (DType dtype : kFloats)
    for (Layout layout : kOutputLayouts) {
      std::vector<Tensor> tensors = filled(dtype, layout);
      std::vector<Values> want;
      for (const Tensor& tensor : tensors) {
        want.push_back(tensor.values());
        for (double& value : want.back()) value = change(value);
      }
      std::vector<Array> arrays(tensors.begin(), tensors.end());
      call(InOutList{arrays});
      for (size_t i = 0; i < tensors.size(); ++i)
        report.compare(name + " " + describe(tensors[i], layout), tensors[i], [&] { return want[i]; }, 0);
    }
}

void check_scale_all(Report& report) {
  for (double factor : {1.0, 0.5, -2.0}) {
    Tensor given(DType::f64, {});
    given.fill([&](int64_t) { return factor; });
    check_in_place(
        report, "scale_all by " + std::to_string(factor), [&](double value) { return value * factor; },
        [&](InOutList arrays) { scale_all(arrays, given); });
  }
}

void check_clamp_all(Report& report) {
  check_in_place(
      report, "clamp_all", [](double value) { return std::max(-4.0, std::min(4.0, value)); },
      [](InOutList arrays) { clamp_all(arrays, 4); });
  report.expect_refusal("clamp_all to a negative limit", [] { clamp_all_check({}, -1); });
}

const Registered kGlobalNorm{"global_norm", check_global_norm};
const Registered kClipFactor{"clip_factor", check_clip_factor};
const Registered kScaleAll{"scale_all", check_scale_all};
const Registered kClampAll{"clamp_all", check_clamp_all};

}  // namespace
}  // namespace pe::check
