#include "check/check.h"
#include "core/random.h"

namespace pe::check {
namespace {

constexpr uint64_t kSeed = 12345, kOffset = 7;

double word(int64_t i) {
  const uint64_t position = kOffset + static_cast<uint64_t>(i);
  return philox::block(kSeed, position / 4)[position % 4];
}

Tensor generator_state() {
  Tensor state(DType::i64, {2});
  state.fill([](int64_t i) { return static_cast<double>(i ? kOffset : kSeed); });
  return state;
}

// dropout by 1/2 doubles what stays; probabilities of multiples of 1/4 are exact in any float.
void check_chance(Report& report, bool drop) {
  const Tensor state = generator_state();
  for (DType dtype : kFloats)
    for (Layout layout : kInputLayouts)
      for (const Shape& shape : {Shape{}, Shape{0, 3}, Shape{37}, Shape{6, 7, 5}, Shape{251, 300}}) {
        if (too_many(shape, layout)) continue;
        Tensor a(dtype, shape, layout);
        a.fill(1, 0, 4);
        if (!drop) {
          const Values quarters = a.values();
          a.fill([&](int64_t i) { return quarters[static_cast<size_t>(i)] / 4; });
        }
        Tensor out(like(a), layout == Layout::gaps ? Layout::transposed : Layout::rows);
        const auto want = [&] {
          Values values = a.values();
          for (size_t i = 0; i < values.size(); ++i) {
            const double w = word(static_cast<int64_t>(i));
            values[i] = drop ? (w >= 0x1p31 ? 2 * values[i] : 0) : w < values[i] * 0x1p32;
          }
          return values;
        };
        report.expect((drop ? "dropout " : "bernoulli ") + describe(a, layout), out, want, 0,
                      [&] { drop ? dropout(a, state, 0.5, out) : bernoulli(a, state, out); });
      }
}

const Registered kDropout{"dropout", [](Report& report) { check_chance(report, true); }};
const Registered kBernoulli{"bernoulli", [](Report& report) { check_chance(report, false); }};

}  // namespace
}  // namespace pe::check
