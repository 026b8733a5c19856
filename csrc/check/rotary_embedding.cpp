#include <string>

#include "check/check.h"

namespace pe::check {
namespace {

struct Turn {
  Shape a, tables;
};

const Turn kTurns[] = {
    {{2}, {1}},
    {{0, 4}, {2}},
    {{5, 3}, {5, 1}},                // a column that stays
    {{2, 3, 9, 34}, {9, 17}},        // rows of all heads share the angles
    {{2, 3, 9, 40}, {2, 1, 9, 16}},  // each sequence has its own; 8 columns stay
    {{3, 33000}, {1, 16500}},        // more than a block of work
};

// What a row's pairs become, at full indices: the values of one row after the other.
Values turned(const Tensor& a, const Tensor& cos, const Tensor& sin, bool interleaved, bool inverse) {
  const int64_t pairs = cos.shape[cos.ndim - 1], n = a.shape[a.ndim - 1];
  const Values x = a.values();
  Values out = x;
  Shape rows(a.shape, a.shape + a.ndim - 1);
  size_t row = 0;
  for_each_index(rows, [&](std::span<const int64_t> index) {
    Shape place(index.begin(), index.end());
    for (int64_t i = 0; i < pairs; ++i) {
      place.push_back(i);
      const double c = at(cos, place), s = inverse ? -at(sin, place) : at(sin, place);
      place.pop_back();
      const size_t first = row + static_cast<size_t>(interleaved ? 2 * i : i);
      const size_t second = row + static_cast<size_t>(interleaved ? 2 * i + 1 : pairs + i);
      out[first] = x[first] * c - x[second] * s;
      out[second] = x[second] * c + x[first] * s;
    }
    row += static_cast<size_t>(n);
  });
  return out;
}

void check_rotary_embedding(Report& report) {
  for (DType dtype : kFloats)
    for (Layout layout : kInputLayouts)
      for (const Turn& turn : kTurns)
        for (int kind = 0; kind < 4; ++kind) {
          if (too_many(turn.a, layout)) continue;
          const bool interleaved = kind % 2, inverse = kind / 2;
          Tensor a(dtype, turn.a, layout), cos(dtype, turn.tables, layout), sin(dtype, turn.tables);
          a.fill(1, -9, 9);
          cos.fill(2, -4, 4);
          sin.fill(3, -4, 4);
          Tensor out(rotary_embedding_outputs(a, cos, sin, interleaved, inverse));
          report.expect(
              "rotary_embedding " + describe(a, layout) + (interleaved ? ", interleaved" : ""), out,
              [&] { return turned(a, cos, sin, interleaved, inverse); }, 0,
              [&] { rotary_embedding(a, cos, sin, interleaved, inverse, out); });
        }
  Tensor a(DType::f32, {2, 3}), wide(DType::f32, {2, 2}), other(DType::f32, {3, 1}), single(DType::f32, {2, 1});
  const auto refuse = [&](const Tensor& cos, const Tensor& sin) {
    report.expect_refusal("rotary_embedding " + describe(cos),
                          [&] { rotary_embedding_outputs(a, cos, sin, false, false); });
  };
  refuse(wide, wide);
  refuse(other, other);
  refuse(single, wide);
}

const Registered kRotaryEmbedding{"rotary_embedding", check_rotary_embedding};

}  // namespace
}  // namespace pe::check
