#include <array>
#include <cmath>
#include <limits>

#include "check/check.h"
#include "core/random.h"

namespace pe::check {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();
constexpr uint64_t kSeed = 77, kOffset = 5;

enum class Mask { none, chosen, added };

struct Case {
  int64_t batch, heads, groups, t, s, d, e;
  Mask mask;
  bool causal, drops;
};

// Positions below, at and above panels and blocks, features shorter than a vector and none, shared heads, queries
// without a key, one query, no keys, nothing to compute.
constexpr Case kCases[] = {
    {1, 1, 1, 1, 1, 1, 1, Mask::none, false, false},     {2, 2, 1, 17, 50, 9, 5, Mask::chosen, false, false},
    {1, 2, 2, 66, 66, 16, 16, Mask::none, true, false},  {1, 2, 2, 20, 97, 8, 24, Mask::added, false, true},
    {1, 3, 1, 1, 130, 32, 32, Mask::chosen, true, true}, {2, 1, 1, 300, 7, 3, 2, Mask::none, false, true},
    {1, 1, 1, 5, 0, 4, 4, Mask::none, false, false},     {0, 2, 2, 4, 4, 4, 4, Mask::none, true, false},
    {1, 1, 1, 4, 5, 0, 3, Mask::none, false, false},     {1, 1, 1, 270, 100, 8, 8, Mask::added, true, false},
};

// The operands of one case, in one layout.
struct Operands {
  const Case& c;
  Tensor query, key, value, state, mask, grad, result, lse;

  Operands(DType dtype, const Case& shape, Layout layout)
      : c(shape),
        query(dtype, {c.batch, c.heads, c.t, c.d}, layout),
        key(dtype, {c.batch, c.groups, c.s, c.d}, layout),
        value(dtype, {c.batch, c.groups, c.s, c.e}, layout),
        state(DType::i64, {2}),
        mask(c.mask == Mask::chosen ? DType::b8 : dtype, {c.heads, c.t, c.s}, layout),
        grad(dtype, {c.batch, c.heads, c.t, c.e}, layout),
        result(dtype, {c.batch, c.heads, c.t, c.e}),
        lse(dtype, {c.batch, c.heads, c.t}) {
    query.fill(1, -3, 3), key.fill(2, -2, 2), value.fill(3, -4, 4), mask.fill(4, c.mask == Mask::chosen ? 0 : -1, 1);
    grad.fill(5, -3, 3), result.fill(6, -2, 2), lse.fill(7, 3, 6);
    state.fill([](int64_t i) { return static_cast<double>(i ? kOffset : kSeed); });
  }

  OptIn mask_or_none() const { return c.mask == Mask::none ? nullptr : &mask; }
  double p() const { return c.drops ? 0.5 : 0; }
  int64_t group(int64_t head) const { return head / (c.heads / c.groups); }

  double score(int64_t b, int64_t h, int64_t i, int64_t j) const {
    if (c.causal && j > i) return kNever;
    double sum = 0;
    for (int64_t x = 0; x < c.d; ++x) sum += at(query, std::array{b, h, i, x}) * at(key, std::array{b, group(h), j, x});
    sum *= 0.125;
    if (c.mask == Mask::none) return sum;
    const double m = at(mask, std::array{h, i, j});
    return c.mask == Mask::added ? sum + m : m != 0 ? sum : kNever;
  }

  double factor(int64_t b, int64_t h, int64_t i, int64_t j) const {
    if (!c.drops) return 1;
    const auto word = kOffset + static_cast<uint64_t>(((b * c.heads + h) * c.t + i) * c.s + j);
    return philox::block(kSeed, word / 4)[word % 4] >= 0x1p31 ? 2 : 0;
  }

  template <class Visit>
  void for_each_query(const Visit& visit) const {
    for_each_index(shape_of(lse), [&](std::span<const int64_t> q) { visit(q[0], q[1], q[2]); });
  }
};

template <class Visit>
void for_each_case(const Visit& visit) {
  for (DType dtype : kFloats)
    for (const Case& c : kCases)
      for (Layout layout : kInputLayouts) {
        if (layout != Layout::rows && c.t * c.s > 8000) continue;
        Operands o(dtype, c, layout);
        visit(o, describe(o.query, layout) + " with " + describe(o.key));
      }
}

void check_forward(Report& report) {
  for_each_case([&](Operands& o, const std::string& what) {
    const auto specs = attention_outputs(o.query, o.key, o.value, o.state, o.mask_or_none(), 0.125, o.c.causal, o.p());
    Tensor out(specs[0]), lse(specs[1]);
    Values means, logs;
    o.for_each_query([&](int64_t b, int64_t h, int64_t i) {
      double most = kNever;
      long double total = 0;
      for (int64_t j = 0; j < o.c.s; ++j) most = std::max(most, o.score(b, h, i, j));
      std::vector<long double> sums(static_cast<size_t>(o.c.e));
      for (int64_t j = 0; j < o.c.s; ++j) {
        const double score = o.score(b, h, i, j);
        const long double weight = score == kNever ? 0 : std::exp(static_cast<long double>(score - most));
        total += weight;
        for (int64_t x = 0; x < o.c.e; ++x)
          sums[static_cast<size_t>(x)] += weight * o.factor(b, h, i, j) * at(o.value, std::array{b, o.group(h), j, x});
      }
      for (long double sum : sums) means.push_back(total == 0 ? 0 : static_cast<double>(sum / total));
      logs.push_back(total == 0 ? kNever : static_cast<double>(most + std::log(total)));
    });
    const auto call = [&] {
      attention(o.query, o.key, o.value, o.state, o.mask_or_none(), 0.125, o.c.causal, o.p(), out, lse);
    };
    // wider than usual: sums of some hundred terms up to 8 that may cancel
    report.expect("attention " + what, out, [&] { return means; }, 8 * rounding(out.dtype), call);
    report.expect("attention, lse " + what, lse, [&] { return logs; }, 4 * rounding(out.dtype), call);
  });
}

size_t place(const Array& a, std::span<const int64_t> index) {
  int64_t position = 0;
  for (int axis = 0; axis < a.ndim; ++axis) position = position * a.shape[axis] + index[static_cast<size_t>(axis)];
  return static_cast<size_t>(position);
}

// What attention_backward should give.
struct Wanted {
  Values dquery, dkey, dvalue, dmask;

  explicit Wanted(const Operands& o)
      : dquery(static_cast<size_t>(o.query.size())),
        dkey(static_cast<size_t>(o.key.size())),
        dvalue(static_cast<size_t>(o.value.size())) {
    o.for_each_query([&](int64_t b, int64_t h, int64_t i) {
      const int64_t g = o.group(h);
      double delta = 0;
      for (int64_t x = 0; x < o.c.e; ++x)
        delta += at(o.grad, std::array{b, h, i, x}) * at(o.result, std::array{b, h, i, x});
      for (int64_t j = 0; j < o.c.s; ++j) {
        const double score = o.score(b, h, i, j), factor = o.factor(b, h, i, j);
        const double weight = score == kNever ? 0 : std::exp(score - at(o.lse, std::array{b, h, i}));
        double of_weight = 0;
        for (int64_t x = 0; x < o.c.e; ++x) {
          const double grad = at(o.grad, std::array{b, h, i, x});
          of_weight += grad * at(o.value, std::array{b, g, j, x});
          dvalue[place(o.value, std::array{b, g, j, x})] += weight * factor * grad;
        }
        const double slope = weight * (factor * of_weight - delta);
        dmask.push_back(slope);
        for (int64_t x = 0; x < o.c.d; ++x) {
          dquery[place(o.query, std::array{b, h, i, x})] += 0.125 * slope * at(o.key, std::array{b, g, j, x});
          dkey[place(o.key, std::array{b, g, j, x})] += 0.125 * slope * at(o.query, std::array{b, h, i, x});
        }
      }
    });
  }
};

void check_backward(Report& report) {
  for_each_case([&](Operands& o, const std::string& what) {
    const bool mask_grad = o.c.mask == Mask::added;
    const auto specs = attention_backward_outputs(o.grad, o.query, o.key, o.value, o.result, o.lse, o.state,
                                                  o.mask_or_none(), 0.125, o.c.causal, o.p(), mask_grad);
    Tensor dquery(specs[0]), dkey(specs[1]), dvalue(specs[2]), dmask(specs[3]);
    const Wanted wanted(o);
    const auto call = [&] {
      attention_backward(o.grad, o.query, o.key, o.value, o.result, o.lse, o.state, o.mask_or_none(), 0.125, o.c.causal,
                         o.p(), mask_grad, dquery, dkey, dvalue, mask_grad ? &dmask : nullptr);
    };
    // wider than usual: sums of some hundred differences, each up to 300, that may cancel
    const double tolerance = 256 * rounding(dquery.dtype);
    report.expect("attention_backward " + what, dquery, [&] { return wanted.dquery; }, tolerance, call);
    report.expect("attention_backward, key " + what, dkey, [&] { return wanted.dkey; }, tolerance, call);
    report.expect("attention_backward, value " + what, dvalue, [&] { return wanted.dvalue; }, tolerance, call);
    if (mask_grad)
      report.expect("attention_backward, mask " + what, dmask, [&] { return wanted.dmask; }, tolerance, call);
  });
}

void check_refusals(Report& report) {
  Tensor query(DType::f32, {1, 4, 3, 8}), key(DType::f32, {1, 2, 5, 8}), value(DType::f32, {1, 2, 5, 6});
  Tensor three(DType::f32, {1, 3, 5, 8}), wide(DType::f64, {1, 2, 5, 8}), mask(DType::f32, {3, 4});
  Tensor state(DType::i64, {2}), short_state(DType::i64, {1});
  const auto refused = [&](const char* what, In q, In k, In v, In s, OptIn m, double p) {
    report.expect_refusal(what, [&] { attention_outputs(q, k, v, s, m, 1, false, p); });
  };
  refused("attention of heads that do not divide", query, three, three, state, nullptr, 0);
  refused("attention of two dtypes", query, wide, wide, state, nullptr, 0);
  refused("attention without a value for each key", query, key, query, state, nullptr, 0);
  refused("attention with a mask of another shape", query, key, value, state, &mask, 0);
  refused("attention with a state of one number", query, key, value, short_state, nullptr, 0);
  refused("attention that drops more than all", query, key, value, state, nullptr, 1.5);
}

const Registered kForward{"attention", check_forward};
const Registered kRefusals{"attention", check_refusals};
const Registered kBackward{"attention_backward", check_backward};

}  // namespace
}  // namespace pe::check
