#include <cmath>

#include "check/check.h"

namespace pe::check {
namespace {

// Word `position` of the stream: Philox4x32-10, one block at a time, as the paper writes it (see reference/random.py).
uint32_t philox_word(uint64_t seed, uint64_t position) {
  const uint64_t block = position / 4;
  uint32_t c[4] = {static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 0, 0};
  uint32_t key[2] = {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
  for (int round = 0; round < 10; ++round) {
    const uint64_t p = uint64_t{0xD2511F53} * c[0], q = uint64_t{0xCD9E8D57} * c[2];
    const uint32_t next[4] = {static_cast<uint32_t>(q >> 32) ^ c[1] ^ key[0], static_cast<uint32_t>(q),
                              static_cast<uint32_t>(p >> 32) ^ c[3] ^ key[1], static_cast<uint32_t>(p)};
    for (int i = 0; i < 4; ++i) c[i] = next[i];
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return c[position % 4];
}

constexpr uint64_t kSeed = 987654321987;

double uniform_number(DType dtype, uint64_t seed, uint64_t offset, uint64_t i) {
  if (dtype == DType::f32) return (philox_word(seed, offset + i) >> 8) * 0x1p-24;
  const uint64_t high = philox_word(seed, offset + 2 * i) >> 5, low = philox_word(seed, offset + 2 * i + 1) >> 6;
  return static_cast<double>(high << 26 | low) * 0x1p-53;
}

void check_uniform(Report& report) {
  // From the known-answer tests of the authors' library Random123: counter 0, key 0.
  if (philox_word(0, 0) != 0x6627e8d5 || philox_word(0, 3) != 0x9b00dbd8)
    report.fail("uniform: the check's own Philox");
  for (DType dtype : kFloats)
    for (Layout layout : kOutputLayouts)
      for (const Shape& shape : {Shape{}, Shape{0}, Shape{1}, Shape{37}, Shape{6, 7}, Shape{251, 300}})
        for (int64_t offset : {0, 5, 1 << 20}) {
          Tensor state(DType::i64, {2});
          state.fill([&](int64_t i) { return static_cast<double>(i ? offset : static_cast<double>(kSeed)); });
          const Ints sizes = ints(shape);
          Tensor out(uniform_outputs(state, sizes, -1, 1, dtype), layout);
          // Compared exactly: 2u has the bits of u, and the one rounding of 2u - 1 is the same in any order.
          const auto want = [&] {
            Values values;
            for (uint64_t i = 0; i < static_cast<uint64_t>(out.size()); ++i) {
              const double y = 2 * uniform_number(dtype, kSeed, static_cast<uint64_t>(offset), i) - 1;
              values.push_back(dtype == DType::f32 ? static_cast<float>(y) : y);
            }
            return values;
          };
          report.expect("uniform " + describe(out, layout) + " from " + std::to_string(offset), out, want, 0,
                        [&] { uniform(state, sizes, -1, 1, dtype, out); });
        }
}

void check_normal(Report& report) {
  Tensor state(DType::i64, {2});
  state.fill([](int64_t i) { return i ? 5 : static_cast<double>(kSeed); });
  for (DType dtype : kFloats)
    for (Layout layout : kOutputLayouts)
      for (const Shape& shape : {Shape{}, Shape{0}, Shape{37}, Shape{251, 300}}) {
        const Ints sizes = ints(shape);
        Tensor out(uniform_outputs(state, sizes, 0, 1, dtype), layout);
        const auto want = [&] {
          Values values;
          for (uint64_t i = 0; i < static_cast<uint64_t>(out.size()); ++i) {
            const uint64_t first = i / 2 * 2;
            const double radius = std::sqrt(-2 * std::log1p(-uniform_number(dtype, kSeed, 5, first)));
            const double angle = 2 * std::acos(-1.0) * uniform_number(dtype, kSeed, 5, first + 1);
            values.push_back(3 + radius * (i % 2 ? std::sin(angle) : std::cos(angle)));
          }
          return values;
        };
        report.expect("normal " + describe(out, layout), out, want, rounding(dtype),
                      [&] { normal(state, sizes, 3, 1, dtype, out); });
      }
}

void check_randint(Report& report) {
  Tensor state(DType::i64, {2});
  state.fill([](int64_t i) { return i ? 5 : static_cast<double>(kSeed); });
  for (Layout layout : kOutputLayouts)
    for (const Shape& shape : {Shape{}, Shape{0}, Shape{37}, Shape{251, 300}}) {
      const Ints sizes = ints(shape);
      Tensor out(DType::i64, shape, layout);
      const auto want = [&] {
        Values values;
        for (uint64_t i = 0; i < static_cast<uint64_t>(out.size()); ++i) {
          // the upper word decides; the lower one adds less than 1/2^32 of the span, seldom enough to carry
          const uint64_t carry = uint64_t{philox_word(kSeed, 5 + 2 * i)} * 11 >> 32;
          values.push_back(-4 + static_cast<double>((uint64_t{philox_word(kSeed, 6 + 2 * i)} * 11 + carry) >> 32));
        }
        return values;
      };
      report.expect("randint " + describe(out, layout), out, want, 0,
                    [&] { randint(state, sizes, ints({-4}), ints({7}), out); });
    }
}

const Registered kNormal{"normal", check_normal};
const Registered kRandint{"randint", check_randint};
const Registered kUniform{"uniform", check_uniform};

}  // namespace
}  // namespace pe::check
