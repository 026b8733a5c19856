// Reducing along the axis that is innermost in memory: one output at a time.
//
// The elements of an output are taken in leaves of up to kLeaf, each with kWays vector accumulators, enough to hide the
// latency of an addition. A long row is cut into segments of kSegment elements for the threads. Rounding: an element
// passes kLeaf / (kWays · lanes) additions within its accumulator, then one per level of the trees above it.
// Elements that do not lie side by side are gathered into a leaf's buffer first.
#pragma once

#include <algorithm>
#include <bit>
#include <new>

#include "core/element_loop.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "cpu/gather.h"
#include "cpu/reduce_lanes.h"

namespace pe::cpu::detail {

inline constexpr int kWays = 8;
inline constexpr int64_t kLeaf = 1024;
inline constexpr int64_t kSegment = 32 * kLeaf;
inline constexpr int64_t kLongRun = 256;  // elements side by side that make a leaf of their own

template <class R>
struct RowReduction : LaneReduction<R> {
  using Base = LaneReduction<R>;
  using Base::at, Base::combine, Base::identity, Base::kN, Base::kSize, Base::some, Base::across, Base::write;
  using typename Base::TIn;
  using typename Base::V;

  // Rows so short that turning a block of them over and adding columns beats a horizontal addition for each.
  static bool prefers_columns(const Split& parts) {
    const Walk& reduced = parts.reduced;
    return reduced.ndim == 1 && reduced.inner() < 4 * kN && reduced.inner_stride(0) == kSize &&
           parts.kept.inner() >= 4 * kN;
  }

  // The reduction of all elements of one array, for who has them leaf by leaf.
  static ReductionLoop loop() {
    return {
        sizeof(Tree),
        sizeof(V),
        kLeaf,
        kSegment,
        [](void* state) { new (state) Tree; },
        [](void* state, const char* p, int64_t n) {
          static_cast<Tree*>(state)->push(leaf(reinterpret_cast<const TIn*>(p), n));
        },
        [](const void* state, void* partial) { *static_cast<V*>(partial) = static_cast<const Tree*>(state)->total(); },
        [](const void* partials, int64_t count, char* out) {
          Tree tree;
          for (int64_t i = 0; i < count; ++i) tree.push(static_cast<const V*>(partials)[i]);
          write(out, across(tree.total()));
        }};
  }

  static void one_leaf(const TIn* p, int64_t n, char* to) { write(to, across(leaf(p, n))); }

  static void run(const Split& parts) {
    const Walk &kept = parts.kept, &reduced = parts.reduced;
    const int64_t count = reduced.rows() * reduced.inner();
    if (count > kSegment) return long_rows(parts, count);
    const bool leaves = count <= kLeaf && reduced.ndim == 1 && reduced.inner_stride(0) == kSize;
    parallel_rows(kept, std::max<int64_t>(1, kBlock / count), [&](char* const* row, int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const char* from = row[0] + i * kept.inner_stride(0);
        char* to = row[1] + i * kept.inner_stride(1);
        if (leaves) {
          one_leaf(reinterpret_cast<const TIn*>(from), count, to);
        } else {
          write(to, across(segment(reduced, from - reduced.data[0], 0, count)));
        }
      }
    });
  }

 private:
  // Up to kLeaf elements side by side.
  static V leaf(const TIn* p, int64_t n) {
    if (n < kN) return some(p, n);
    V total = identity();
    int64_t i = 0;
    if (n >= kWays * kN) {
      V ways[kWays];
      for (int way = 0; way < kWays; ++way) ways[way] = at(p + way * kN);
      for (i = kWays * kN; i + kWays * kN <= n; i += kWays * kN)
        for (int way = 0; way < kWays; ++way) ways[way] = combine(ways[way], at(p + i + way * kN));
      for (int half = kWays / 2; half > 0; half /= 2)
        for (int way = 0; way < half; ++way) ways[way] = combine(ways[way], ways[way + half]);
      total = ways[0];
    }
    for (; i + kN <= n; i += kN) total = combine(total, at(p + i));
    // the last vector overlaps elements that are counted already: those lanes are masked out
    const V last = replace_first<typename Base::TAcc, kN>(at(p + n - kN), identity(), kN - (n - i));
    return combine(total, last);
  }

  // Combines what is pushed as a binary tree, with one value waiting for each bit of the count.
  class Tree {
   public:
    void push(V v) {
      int level = 0;
      for (uint64_t bits = count_++; bits & 1; bits >>= 1) v = combine(levels_[level++], v);
      levels_[level] = v;
    }
    V total() const {
      if (!count_) return identity();
      int level = std::countr_zero(count_);
      V v = levels_[level];
      while (count_ >> ++level)
        if (count_ >> level & 1) v = combine(levels_[level], v);
      return v;
    }

   private:
    uint64_t count_ = 0;
    V levels_[48];
  };

  // Elements [begin, end), counted along all reduced axes, of the output whose input starts `offset` bytes after
  // the walk's.
  static V segment(const Walk& reduced, int64_t offset, int64_t begin, int64_t end) {
    const int64_t length = reduced.inner(), stride = reduced.inner_stride(0);
    Tree tree;
    RowCursor cursor(reduced, begin / length);
    int64_t column = begin % length;
    const auto take = [&](int64_t n) {
      const char* from = cursor.data[0] + offset + column * stride;
      column += n;
      if (column == length) {
        cursor.next();
        column = 0;
      }
      return from;
    };
    for (int64_t left = end - begin; left > 0;) {
      const int64_t n = std::min(kLeaf, left), run = std::min(n, length - column);
      if (stride == kSize && (run == n || run >= kLongRun)) {
        tree.push(leaf(reinterpret_cast<const TIn*>(take(run)), run));
        left -= run;
        continue;
      }
      alignas(64) TIn buffer[kLeaf];
      for (int64_t filled = 0; filled < n;) {
        const int64_t part = std::min(n - filled, length - column);
        copy_run(reinterpret_cast<char*>(buffer + filled), kSize, take(part), stride, part, kSize);
        filled += part;
      }
      tree.push(leaf(buffer, n));
      left -= n;
    }
    return tree.total();
  }

  // Rows that are worth more than one thread each: partial results of all segments first.
  static void long_rows(const Split& parts, int64_t count) {
    const Walk& kept = parts.kept;
    const int64_t outputs = kept.rows() * kept.inner(), segments = (count + kSegment - 1) / kSegment;
    const auto place = [&](int64_t output, int op) {
      return RowCursor(kept, output / kept.inner()).data[op] + output % kept.inner() * kept.inner_stride(op);
    };
    Scratch<V> partial(outputs * segments);
    parallel_for(outputs * segments, [&](int64_t block) {
      const int64_t begin = block % segments * kSegment, end = std::min(begin + kSegment, count);
      partial[block] = segment(parts.reduced, place(block / segments, 0) - parts.reduced.data[0], begin, end);
    });
    for (int64_t output = 0; output < outputs; ++output) {
      Tree tree;
      for (int64_t i = 0; i < segments; ++i) tree.push(partial[output * segments + i]);
      write(place(output, 1), across(tree.total()));
    }
  }
};

}  // namespace pe::cpu::detail
