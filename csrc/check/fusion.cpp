// Fused calls against the same calls one by one: a chain with constants, a bias, a transposed operand, inner and outer
// results, and sums.
#include "fusion.h"

#include "check/check.h"

namespace pe::check {
namespace {

// Leaves the loops of kernels in a list instead of running them.
class Loops {
 public:
  template <class Call>
  void add(const Call& call) {
    sketch_into(&loops_.emplace_back());
    call();
    sketch_into(nullptr);
  }

  // One run of them all; `inner` are results that are not to be written.
  void run(std::initializer_list<const Tensor*> inner) {
    std::vector<InnerResult> results;
    for (const Tensor* tensor : inner)
      results.push_back({tensor->as<const char>(), static_cast<size_t>(tensor->size() * itemsize(tensor->dtype))});
    if (const std::optional<Fault> fault = fuse(loops_, results)->run()) throw std::runtime_error(fault->text);
  }

 private:
  std::vector<LoopSketch> loops_;
};

void check_chain(Report& report, DType dtype, int64_t rows, int64_t columns, Layout layout) {
  const Shape shape{rows, columns};
  Tensor a(dtype, shape, layout), b(dtype, shape), bias(dtype, {columns}), factor(dtype, {});
  a.fill(1, -4, 4), b.fill(2, -4, 4), bias.fill(3, -2, 2), factor.fill(4, 2, 2);
  Tensor sum_of(dtype, shape), scaled(dtype, shape), positive(dtype, shape), out(dtype, shape), total(dtype, {});
  const auto steps = [&](auto&& run) {
    run([&] { add(a, bias, sum_of); });
    run([&] { mul(factor, sum_of, scaled); });
    run([&] { relu(scaled, positive); });
    run([&] { mul(positive, b, out); });
    run([&] { add(out, bias, out); });
    Ints all;
    all.none = true;
    run([&] { sum(out, all, false, total); });
  };
  steps([](const auto& call) { call(); });
  const Values values = out.values(), sums = total.values();
  const std::string what = "fused " + describe(a, layout);
  const auto fused = [&] {
    total.poison();
    Loops loops;
    steps([&](const auto& call) { loops.add(call); });
    loops.run({&sum_of, &scaled, &positive});
  };
  report.expect(what, out, [&] { return values; }, 0, fused);
  report.compare(what + ", its sum", total, [&] { return sums; }, 0);
}

void check_fusion(Report& report) {
  for (DType dtype : kFloats)
    for (Layout layout : {Layout::rows, Layout::transposed, Layout::gaps, Layout::repeated})
      for (const Shape& shape : {Shape{1, 2}, Shape{3, 5}, Shape{33, 31}, Shape{64, 16}, Shape{259, 401}}) {
        if (too_many(shape, layout)) continue;
        check_chain(report, dtype, shape[0], shape[1], layout);
      }
  Tensor a(DType::f32, {4}), b(DType::f32, {5});
  report.expect_refusal("loops over other numbers of elements", [&] {
    Loops loops;
    loops.add([&] { neg(a, a); });
    loops.add([&] { neg(b, b); });
    loops.run({});
  });
}

const Registered kFusion{"fusion", check_fusion};

}  // namespace
}  // namespace pe::check
