// Moving elements between lines along one axis, by positions in those lines: what gather, scatter and scatter_add
// share.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cpu/index_layout.h"
#include "cpu/loops.h"

namespace pe::cpu {

// Steps of one loop, in bytes: from one position to the next in each array, and from one place of a line of the whole
// to the next. A loop along a line stays in that line of the whole: its step there is 0.
struct LineSteps {
  int64_t part, position, whole, place;
};

// How the arrays of one loop lie: in any way; part and positions without gaps; or these and one line, all without gaps.
enum class LineLayout { any, dense, line };

// f(element of the part, element of the whole) for n positions in order. Returns how many come before the first one
// that is outside of `length` places.
template <LineLayout kLayout, class T, class F>
inline int64_t visit_places(char* part, const char* positions, char* whole, int64_t n, int64_t length,
                            const LineSteps& steps, F f) {
  constexpr int64_t kSize = sizeof(T);
  const int64_t part_step = kLayout == LineLayout::any ? steps.part : kSize;
  const int64_t position_step = kLayout == LineLayout::any ? steps.position : static_cast<int64_t>(sizeof(int64_t));
  const int64_t whole_step = kLayout == LineLayout::line ? 0 : steps.whole;
  const int64_t place = kLayout == LineLayout::line ? kSize : steps.place;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t position = *reinterpret_cast<const int64_t*>(positions + i * position_step);
    if (static_cast<uint64_t>(position) >= static_cast<uint64_t>(length)) return i;
    f(*reinterpret_cast<T*>(part + i * part_step), *reinterpret_cast<T*>(whole + i * whole_step + position * place));
  }
  return n;
}

// The lines along `axis` of an array that is chosen from (or put together), of the positions and of the whole.
class Lines {
 public:
  Lines(In part, In positions, In whole, int64_t named_axis)
      : axis_(static_cast<int>(named_axis < 0 ? named_axis + whole.ndim : named_axis)),
        count_(positions.shape[axis_]),
        length_(whole.shape[axis_]),
        along_{part.strides[axis_] * itemsize(part.dtype), positions.strides[axis_] * itemsize(positions.dtype), 0,
               whole.strides[axis_] * itemsize(whole.dtype)} {
    Array others[3] = {part, positions, whole};
    for (Array& a : others) {
      std::copy(positions.shape, positions.shape + positions.ndim, a.shape);  // the whole may be wider
      std::copy(a.shape + axis_ + 1, a.shape + a.ndim, a.shape + axis_);
      std::copy(a.strides + axis_ + 1, a.strides + a.ndim, a.strides + axis_);
      --a.ndim;
    }
    const Array* const arrays[] = {&others[0], &others[1], &others[2]};
    walk_ = collapse(arrays, 3);
    across_ = {walk_.inner_stride(0), walk_.inner_stride(1), walk_.inner_stride(2), along_.place};
  }

  // f(element of the part, element of the whole) for all positions; those of a line in order.
  template <class T, class F>
  void run(F f) const {
    // The inner loop runs where memory lies close, but never over single positions.
    const bool along = walk_.inner() == 1 || (count_ > 1 && std::abs(along_.part) < std::abs(across_.part));
    const int64_t lines = std::max(kAtOnce / count_, along ? 1 : kAcross);
    parallel_rows(walk_, lines, [&](char* const* row, int64_t first, int64_t last) {
      const LineSteps &inner = along ? along_ : across_, &outer = along ? across_ : along_;
      const int64_t n = along ? count_ : last - first, repeats = along ? last - first : count_;
      for (int64_t i = 0; i < repeats; ++i)
        visit<T>(row[0] + first * across_.part + i * outer.part, row[1] + first * across_.position + i * outer.position,
                 row[2] + first * across_.whole + i * outer.whole, n, inner, f);
    });
  }

 private:
  static constexpr int64_t kAtOnce = 8192;  // positions that one thread takes at a time: ten microseconds or more
  static constexpr int64_t kAcross = 64;    // positions of a loop across lines: some cache lines of each row it meets

  template <class T, class F>
  void visit(char* part, const char* positions, char* whole, int64_t n, const LineSteps& steps, F f) const {
    constexpr int64_t kSize = sizeof(T);
    const bool dense = steps.part == kSize && steps.position == sizeof(int64_t);
    const auto loop = !dense                                     ? visit_places<LineLayout::any, T, F>
                      : steps.whole == 0 && steps.place == kSize ? visit_places<LineLayout::line, T, F>
                                                                 : visit_places<LineLayout::dense, T, F>;
    const int64_t inside = loop(part, positions, whole, n, length_, steps, f);
    if (inside == n) return;
    const int64_t position = *reinterpret_cast<const int64_t*>(positions + inside * steps.position);
    throw IndexLayout::outside(position, axis_, length_, 0);
  }

  Walk walk_;  // over the other axes, for part, positions and whole
  int axis_;
  int64_t count_, length_;    // positions in a line, elements in a line of the whole
  LineSteps along_, across_;  // from one position of a line to the next, and from one line to the next
};

}  // namespace pe::cpu
