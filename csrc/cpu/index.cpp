// index, index_put, index_add: elements at positions along some axes; gather, scatter, scatter_add: along one, line by
// line. Contracts in kernels/index.h.
//
// Nothing is computed but sums: each element is read once and written once, and positions are 8 bytes each, so memory
// is the limit, its latency where rows are short. The idea: positions are checked and turned into offsets once, in
// parallel; then whole runs are copied. Along one axis (index_lines.h) a position is checked where it is used. Sums and
// overwrites keep the order of the positions, so threads share the runs and never the positions: every result has the
// same bits for any number of threads, with no atomics. Not done: sorting positions, which would give threads more to
// share where single elements are added up.
#include "kernels/index.h"

#include <algorithm>

#include "cpu/gather.h"
#include "cpu/index_layout.h"
#include "cpu/index_lines.h"
#include "cpu/index_places.h"
#include "cpu/loops.h"
#include "kernels/copy.h"
#include "kernels/in_place.h"

namespace pe {

namespace {

using cpu::IndexLayout;

template <class Visit>
void with_item(DType dtype, Visit&& visit) {
  switch (itemsize(dtype)) {
    case 1:
      return visit(uint8_t{});
    case 2:
      return visit(uint16_t{});
    case 4:
      return visit(uint32_t{});
    default:
      return visit(uint64_t{});
  }
}

template <class Visit>
void with_number(DType dtype, Visit&& visit) {
  if (dtype == DType::f32) return visit(float{});
  if (dtype == DType::f64) return visit(double{});
  visit(int64_t{});
}

struct Assign {
  template <class T>
  void operator()(T& to, T from) const {
    to = from;
  }
};

struct Accumulate {
  template <class T>
  void operator()(T& to, T from) const {
    to += from;
  }
};

// --- several axes

// Copies the runs that start at from[0, n) of the whole to to[0, n) of the part.
template <class Item>
void take_runs(const IndexLayout& layout, const Item* whole, const int64_t* from, Item* part, const int64_t* to,
               int64_t n) {
  constexpr int64_t kSize = sizeof(Item), kShort = 16;
  const int64_t run = layout.run, whole_step = layout.whole_step, part_step = layout.part_step;
  if (run == 1) {
    for (int64_t j = 0; j < n; ++j) part[to[j]] = whole[from[j]];
  } else if (run > kShort) {
    for (int64_t j = 0; j < n; ++j)
      cpu::copy_run(reinterpret_cast<char*>(part + to[j]), part_step * kSize,
                    reinterpret_cast<const char*>(whole + from[j]), whole_step * kSize, run, kSize);
  } else {
    for (int64_t j = 0; j < n; ++j)
      for (int64_t i = 0; i < run; ++i) part[to[j] + i * part_step] = whole[from[j] + i * whole_step];
  }
}

template <class Item>
void take(const IndexLayout& layout, const Item* whole, Item* part) {
  const int64_t* from = layout.whole_at.data();
  const int64_t* to = layout.part_at.data();
  const int64_t blocks = layout.whole_runs.size(), at_once = std::max<int64_t>(1, cpu::kBlock / layout.run);
  const int64_t pieces = (layout.count + at_once - 1) / at_once;
  parallel_for(blocks * pieces, [&](int64_t task) {
    const int64_t block = task / pieces, begin = task % pieces * at_once;
    const int64_t end = std::min(begin + at_once, layout.count);
    take_runs(layout, whole + layout.whole_runs.offset(block), from + begin, part + layout.part_runs.offset(block),
              to + begin, end - begin);
  });
}

// Threads share blocks and pieces of runs; all tuples of a piece are taken in order.
template <class T, class F>
void deposit(const IndexLayout& layout, T* whole, const T* part, F f) {
  constexpr int64_t kPiece = 64;
  const int64_t* to = layout.whole_at.data();
  const int64_t* from = layout.part_at.data();
  const int64_t pieces = (layout.run + kPiece - 1) / kPiece;
  const int64_t at_once = std::max<int64_t>(1, cpu::kBlock / (layout.count * std::min(kPiece, layout.run)));
  parallel_ranges(layout.whole_runs.size() * pieces, at_once, [&](int64_t first, int64_t last) {
    for (int64_t task = first; task < last; ++task) {
      const int64_t block = task / pieces, begin = task % pieces * kPiece;
      const int64_t n = std::min(kPiece, layout.run - begin), step = layout.whole_step, source_step = layout.part_step;
      T* target = whole + layout.whole_runs.offset(block) + begin * step;
      const T* source = part + layout.part_runs.offset(block) + begin * source_step;
      for (int64_t j = 0; j < layout.count; ++j) {
        T* t = target + to[j];
        const T* s = source + from[j];
        if (step == 1 && source_step == 1) {
          for (int64_t i = 0; i < n; ++i) f(t[i], s[i]);
        } else {
          for (int64_t i = 0; i < n; ++i) f(t[i * step], s[i * source_step]);
        }
      }
    }
  });
}

}  // namespace

void index(In a, InList indices, const Ints& axes, bool wrap, Out out) {
  const IndexLayout layout(a, indices, axes, wrap, out);
  if (out.size() == 0) return;
  with_item(a.dtype, [&](auto item) {
    using Item = decltype(item);
    take(layout, a.as<const Item>(), out.as<Item>());
  });
}

void index_put(In a, In src, InList indices, const Ints& axes, Out out) {
  const IndexLayout layout(out, indices, axes, true, src);
  refuse_shared("src", src, out);
  start_from(a, out);
  if (src.size() == 0) return;
  with_item(a.dtype, [&](auto item) {
    using Item = decltype(item);
    deposit(layout, out.as<Item>(), src.as<const Item>(), Assign{});
  });
}

void index_add(In src, InList indices, const Ints& axes, const Ints& shape, Out out) {
  const IndexLayout layout(out, indices, axes, true, src);
  const bool table = src.size() > 0 && cpu::is_table(layout, out);
  if (!table) full(shape, 0, out.dtype, out);
  if (src.size() == 0) return;
  with_number(src.dtype, [&](auto number) {
    using T = decltype(number);
    if (table) return cpu::sum_by_place(layout, out.as<T>(), out.size(), src.as<const T>());
    deposit(layout, out.as<T>(), src.as<const T>(), Accumulate{});
  });
}

void gather(In a, In positions, const Ints& axis, Out out) {
  if (positions.size() == 0) return;
  const cpu::Lines lines(out, positions, a, axis.values[0]);
  with_item(a.dtype, [&](auto item) { lines.run<decltype(item)>([](auto& part, auto& whole) { part = whole; }); });
}

void scatter(In a, In src, In positions, const Ints& axis, Out out) {
  refuse_shared("src", src, out);
  start_from(a, out);
  if (positions.size() == 0) return;
  const cpu::Lines lines(src, positions, out, axis.values[0]);
  with_item(a.dtype, [&](auto item) { lines.run<decltype(item)>([](auto& part, auto& whole) { whole = part; }); });
}

void scatter_add(In src, In positions, const Ints& axis, const Ints& shape, Out out) {
  full(shape, 0, out.dtype, out);
  if (positions.size() == 0) return;
  const cpu::Lines lines(src, positions, out, axis.values[0]);
  with_number(src.dtype,
              [&](auto number) { lines.run<decltype(number)>([](auto& part, auto& whole) { whole += part; }); });
}

}  // namespace pe
