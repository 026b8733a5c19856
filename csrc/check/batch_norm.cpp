#include <cmath>

#include "check/check.h"

namespace pe::check {
namespace {

constexpr double kEps = 0.25;
const Shape kShapes[] = {{6, 3}, {300, 2}, {2, 9, 5}, {3, 12, 7, 9}, {2, 2, 70, 50}, {3, 2, 0}, {0, 3}};

// One value for each channel of an array.
struct PerChannel {
  explicit PerChannel(In a, double value = 0) : values(static_cast<size_t>(a.shape[1]), value) {}
  double& operator[](int64_t channel) { return values[static_cast<size_t>(channel)]; }
  double operator[](int64_t channel) const { return values[static_cast<size_t>(channel)]; }

  Values values;
};

// visit(position, channel) for all elements.
template <class Visit>
void for_each_element(In a, const Visit& visit) {
  size_t position = 0;
  for_each_index(shape_of(a), [&](std::span<const int64_t> at) { visit(position++, at[1]); });
}

// Sums over each channel, in long double so that they add no error of their own.
template <class Term>
PerChannel sums(In a, const Term& term) {
  std::vector<long double> exact(static_cast<size_t>(a.shape[1]), 0);
  for_each_element(a, [&](size_t i, int64_t c) { exact[static_cast<size_t>(c)] += term(i, c); });
  PerChannel total(a);
  for (size_t c = 0; c < exact.size(); ++c) total.values[c] = static_cast<double>(exact[c]);
  return total;
}

double count_of(In a) { return static_cast<double>(a.size()) / static_cast<double>(a.shape[1]); }

Tensor vector(In a, uint64_t seed, int low, int high) {
  Tensor values(a.dtype, {a.shape[1]});
  values.fill(seed, low, high);
  return values;
}

template <class Body>
void for_each_case(const Body& body) {
  for (DType dtype : kFloats)
    for (Layout layout : kInputLayouts)
      for (const Shape& shape : kShapes)
        if (!too_many(shape, layout)) {
          Tensor a(dtype, shape, layout);
          a.fill(1, -5, 5);
          body(a, layout);
        }
}

void check_forward(Report& report) {
  for_each_case([&](const Tensor& a, Layout layout) {
    const Tensor weight = vector(a, 2, -3, 3), bias = vector(a, 3, -3, 3);
    const auto specs = batch_norm_outputs(a, weight, bias, kEps);
    Tensor out(specs[0]), mean(specs[1]), variance(specs[2]);
    const auto moments = [&] {
      const Values x = a.values();
      PerChannel means = sums(a, [&](size_t i, int64_t) { return x[i]; });
      for (double& value : means.values) value /= count_of(a);
      PerChannel squares = sums(a, [&](size_t i, int64_t c) { return (x[i] - means[c]) * (x[i] - means[c]); });
      for (double& value : squares.values) value /= count_of(a);
      return std::pair(means, squares);
    };
    const auto want = [&] {
      const auto [means, variances] = moments();
      const Values x = a.values(), w = weight.values(), b = bias.values();
      Values y(x.size());
      for_each_element(a, [&](size_t i, int64_t c) {
        const auto channel = static_cast<size_t>(c);
        y[i] = (x[i] - means[c]) / std::sqrt(variances[c] + kEps) * w[channel] + b[channel];
      });
      return y;
    };
    const auto call = [&] { batch_norm(a, weight, bias, kEps, out, mean, variance); };
    const std::string what = "batch_norm " + describe(a, layout);
    report.expect(what, out, want, rounding(a.dtype), call);
    report.expect(what + ", mean", mean, [&] { return moments().first.values; }, rounding(a.dtype), call);
    report.expect(what + ", variance", variance, [&] { return moments().second.values; }, rounding(a.dtype), call);
  });
  const Tensor one(DType::f32, {1, 3}), vector_of_one(DType::f32, {3});
  report.expect_refusal("batch_norm of one value",
                        [&] { batch_norm_outputs(one, vector_of_one, vector_of_one, kEps); });
}

void check_eval(Report& report) {
  for_each_case([&](const Tensor& a, Layout layout) {
    const Tensor weight = vector(a, 2, -3, 3), bias = vector(a, 3, -3, 3), mean = vector(a, 4, -3, 3);
    const Tensor variance = vector(a, 5, 1, 5);
    Tensor out(batch_norm_eval_outputs(a, weight, bias, mean, variance, kEps));
    const auto want = [&] {
      const Values x = a.values(), w = weight.values(), b = bias.values(), m = mean.values(), v = variance.values();
      Values y(x.size());
      for_each_element(a, [&](size_t i, int64_t c) {
        const auto k = static_cast<size_t>(c);
        y[i] = (x[i] - m[k]) / std::sqrt(v[k] + kEps) * w[k] + b[k];
      });
      return y;
    };
    report.expect("batch_norm_eval " + describe(a, layout), out, want, rounding(a.dtype),
                  [&] { batch_norm_eval(a, weight, bias, mean, variance, kEps, out); });
  });
}

void check_backward(Report& report) {
  for_each_case([&](const Tensor& a, Layout layout) {
    Tensor grad(a.dtype, Shape(a.shape, a.shape + a.ndim));
    grad.fill(6, -3, 3);
    const Tensor weight = vector(a, 2, -3, 3), mean = vector(a, 4, -3, 3), variance = vector(a, 5, 1, 5);
    const auto specs = batch_norm_backward_outputs(grad, a, weight, mean, variance, kEps);
    Tensor da(specs[0]), dweight(specs[1]), dbias(specs[2]);
    const Values g = grad.values(), x = a.values(), m = mean.values(), v = variance.values(), w = weight.values();
    const auto normal = [&](size_t i, int64_t c) {
      const auto k = static_cast<size_t>(c);
      return (x[i] - m[k]) / std::sqrt(v[k] + kEps);
    };
    const PerChannel of_bias = sums(a, [&](size_t i, int64_t) { return g[i]; });
    const PerChannel of_weight = sums(a, [&](size_t i, int64_t c) { return g[i] * normal(i, c); });
    const auto want = [&] {
      Values d(x.size());
      for_each_element(a, [&](size_t i, int64_t c) {
        const double centred = g[i] - of_bias[c] / count_of(a) - normal(i, c) * of_weight[c] / count_of(a);
        d[i] = w[static_cast<size_t>(c)] / std::sqrt(v[static_cast<size_t>(c)] + kEps) * centred;
      });
      return d;
    };
    const auto call = [&] { batch_norm_backward(grad, a, weight, mean, variance, kEps, da, dweight, dbias); };
    const std::string what = "batch_norm_backward " + describe(a, layout);
    // wider than usual: differences of terms that may cancel, and sums of some thousand of such
    report.expect(what, da, want, 16 * rounding(a.dtype), call);
    report.expect(what + ", weight", dweight, [&] { return of_weight.values; }, 64 * rounding(a.dtype), call);
    report.expect(what + ", bias", dbias, [&] { return of_bias.values; }, 0, call);
  });
}

void check_track(Report& report) {
  for (DType dtype : kFloats)
    for (double momentum : {0.25, -1.0}) {
      const Tensor a(dtype, {1, 9}), mean = vector(a, 1, -4, 4), variance = vector(a, 2, 1, 8);
      Tensor running_mean = vector(a, 3, -4, 4), running_variance = vector(a, 4, 1, 8), batches(DType::i64, {});
      batches.fill([](int64_t) { return 3.0; });
      const Values old_mean = running_mean.values(), old_variance = running_variance.values();
      Array running[] = {running_mean, running_variance, batches};
      batch_norm_track(running, mean, variance, 2, momentum);  // f = 1/4, and twice the variance
      const auto moved = [](const Values& old, const Values& news, double factor) {
        Values result;
        for (size_t i = 0; i < old.size(); ++i) result.push_back(0.75 * old[i] + 0.25 * factor * news[i]);
        return result;
      };
      const std::string what = "batch_norm_track " + describe(a);
      report.compare(what, running_mean, [&] { return moved(old_mean, mean.values(), 1); }, 0);
      report.compare(
          what + ", variance", running_variance, [&] { return moved(old_variance, variance.values(), 2); }, 0);
      report.compare(what + ", batches", batches, [] { return Values{4}; }, 0);
    }
}

const Registered kBatchNorm{"batch_norm", check_forward};
const Registered kBatchNormEval{"batch_norm_eval", check_eval};
const Registered kBatchNormBackward{"batch_norm_backward", check_backward};
const Registered kBatchNormTrack{"batch_norm_track", check_track};

}  // namespace
}  // namespace pe::check
