// The skeleton of every reduction: out[kept axes] = finish(combine over the reduced axes of map(a)).
//
// A reducer R is a struct with types In, Acc (of the same size), Out and static members
//   identity()        combine(identity, x) is x; what an empty reduction gives
//   map(x)            what one element counts for          } on whole vectors
//   combine(x, y)     associative up to rounding           }
//   finish(x)         Acc to Out, on one number
//
// Two ways to walk, by which axis is innermost in memory:
//   rows     it is reduced: one output at a time, its elements taken in leaves of kLeaf with kWays vector accumulators
//   columns  it is kept: a strip of neighbouring outputs at a time, rows of the strip added in leaves of 8
// In both, leaves are combined in a binary tree and segments of leaves in another, so rounding errors grow with the
// logarithm of the length. Leaves and segments depend on shapes only: the same bits for every number of threads.
#pragma once

#include <algorithm>
#include <utility>

#include "core/memory.h"
#include "core/parallel.h"
#include "core/vec.h"
#include "cpu/lanes.h"
#include "cpu/loops.h"

namespace pe::cpu {

namespace detail {

inline constexpr int kWays = 8;                  // independent sums, to hide the latency of an addition
inline constexpr int64_t kLeaf = 1024;           // elements added without a tree: kLeaf / (kWays · lanes) in a chain
inline constexpr int64_t kSegment = 32 * kLeaf;  // elements of one output that a thread takes at a time
inline constexpr int64_t kStrip = 512;           // neighbouring outputs that are reduced together
inline constexpr int64_t kRowsAtOnce = 8;        // rows of a strip added in registers
inline constexpr int64_t kSegmentRows = 256;     // rows of a strip that a thread takes at a time
inline constexpr int kTreeDepth = 7;             // partial sums waiting: log2(kSegmentRows / kRowsAtOnce), remainders

// The axes of `a` in walk order, split by whether the output runs along them. Operand 0 is the input, 1 the output.
struct Split {
  Walk kept, reduced;
};

inline void append_axis(Walk& walk, const Walk& from, int axis) {
  walk.shape[walk.ndim] = from.shape[axis];
  for (int op = 0; op < walk.operands; ++op) walk.strides[op][walk.ndim] = from.strides[op][axis];
  ++walk.ndim;
}

inline void append_unit_axis(Walk& walk) {
  walk.shape[walk.ndim] = 1;
  for (int op = 0; op < walk.operands; ++op) walk.strides[op][walk.ndim] = 0;
  ++walk.ndim;
}

inline Split split(const Walk& walk) {
  Split parts{walk, walk};
  parts.kept.ndim = parts.reduced.ndim = 0;
  for (int axis = 0; axis < walk.ndim; ++axis)
    append_axis(walk.strides[1][axis] == 0 ? parts.reduced : parts.kept, walk, axis);
  if (parts.kept.ndim == 0) append_unit_axis(parts.kept);
  if (parts.reduced.ndim == 0) append_unit_axis(parts.reduced);
  return parts;
}

template <int kShift, class V, size_t... i>
inline V rotate_lanes(V v, std::index_sequence<i...>) {
  return __builtin_shufflevector(v, v, ((i + kShift) % sizeof...(i))...);
}

template <class R>
struct Reduction {
  using TIn = typename R::In;
  using TAcc = typename R::Acc;
  using TOut = typename R::Out;
  static_assert(sizeof(TIn) == sizeof(TAcc), "one vector of inputs makes one vector of partial results");
  static constexpr int kN = kLanes<TIn>;
  static constexpr int64_t kSize = sizeof(TIn);
  using V = Lanes<TAcc, kN>;

  static V identity() { return R::identity() - V{}; }
  static V at(const TIn* p) { return R::map(load_lanes<TIn, kN>(p)); }
  static V some(const TIn* p, int64_t n) {
    const V mapped = R::map(load_some<TIn, kN>(p, n));
    V v = identity();
    std::memcpy(&v, &mapped, static_cast<size_t>(n) * sizeof(TAcc));
    return v;
  }

  template <int kShift = kN / 2>
  static TAcc across(V v) {
    if constexpr (kShift == 0) {
      return v[0];
    } else {
      return across<kShift / 2>(R::combine(v, rotate_lanes<kShift>(v, std::make_index_sequence<kN>{})));
    }
  }

  static void write(char* to, TAcc value) {
    const TOut result = R::finish(value);
    std::memcpy(to, &result, sizeof(result));
  }

  // --- rows

  // At most kLeaf contiguous elements.
  static V leaf(const TIn* p, int64_t n) {
    V total = identity();
    int64_t i = 0;
    if (n >= kWays * kN) {
      V ways[kWays];
      for (int way = 0; way < kWays; ++way) ways[way] = at(p + way * kN);
      for (i = kWays * kN; i + kWays * kN <= n; i += kWays * kN)
        for (int way = 0; way < kWays; ++way) ways[way] = R::combine(ways[way], at(p + i + way * kN));
      for (int half = kWays / 2; half > 0; half /= 2)
        for (int way = 0; way < half; ++way) ways[way] = R::combine(ways[way], ways[way + half]);
      total = ways[0];
    }
    for (; i + kN <= n; i += kN) total = R::combine(total, at(p + i));
    if (i < n) total = R::combine(total, some(p + i, n - i));
    return total;
  }

  // Combines what is pushed as a binary tree, remembering one value for each bit of the count.
  class Tree {
   public:
    void push(V v) {
      int level = 0;
      for (uint64_t bits = count_++; bits & 1; bits >>= 1) v = R::combine(levels_[level++], v);
      levels_[level] = v;
    }
    V total() const {
      V v = identity();
      for (int level = 0; count_ >> level; ++level)
        if (count_ >> level & 1) v = R::combine(levels_[level], v);
      return v;
    }

   private:
    uint64_t count_ = 0;
    V levels_[64];
  };

  // Elements [begin, end), counted along all reduced axes, of the output whose input starts `offset` bytes after
  // a.data.
  static V segment(const Walk& reduced, int64_t offset, int64_t begin, int64_t end) {
    const int64_t length = reduced.inner(), stride = reduced.inner_stride(0);
    Tree tree;
    RowCursor cursor(reduced, begin / length);
    int64_t column = begin % length;
    for (int64_t left = end - begin; left > 0;) {
      const int64_t n = std::min(kLeaf, left);
      left -= n;
      if (stride == kSize && column + n <= length) {
        tree.push(leaf(reinterpret_cast<const TIn*>(cursor.data[0] + offset + column * kSize), n));
        column += n;
        continue;
      }
      alignas(64) TIn buffer[kLeaf];
      for (int64_t filled = 0; filled < n;) {
        if (column == length) {
          cursor.next();
          column = 0;
        }
        const int64_t run = std::min(n - filled, length - column);
        copy_run(reinterpret_cast<char*>(buffer + filled), kSize, cursor.data[0] + offset + column * stride, stride,
                 run, kSize);
        filled += run;
        column += run;
      }
      tree.push(leaf(buffer, n));
    }
    return tree.total();
  }

  static void rows(const Split& parts) {
    const Walk &kept = parts.kept, &reduced = parts.reduced;
    const int64_t count = reduced.rows() * reduced.inner();
    const bool one_leaf = count <= kLeaf && reduced.ndim == 1 && reduced.inner_stride(0) == kSize;
    if (count <= kSegment) {
      parallel_rows(kept, std::max<int64_t>(1, kBlock / count), [&](char* const* row, int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const char* from = row[0] + i * kept.inner_stride(0);
          const V total = one_leaf ? leaf(reinterpret_cast<const TIn*>(from), count)
                                   : segment(reduced, from - reduced.data[0], 0, count);
          write(row[1] + i * kept.inner_stride(1), across(total));
        }
      });
      return;
    }
    const int64_t outputs = kept.rows() * kept.inner(), segments = (count + kSegment - 1) / kSegment;
    const auto place = [&](int64_t output, int op) {
      return RowCursor(kept, output / kept.inner()).data[op] + output % kept.inner() * kept.inner_stride(op);
    };
    Scratch<V> partial(outputs * segments);
    parallel_for(outputs * segments, [&](int64_t block) {
      const int64_t begin = block % segments * kSegment;
      partial[block] =
          segment(reduced, place(block / segments, 0) - reduced.data[0], begin, std::min(begin + kSegment, count));
    });
    for (int64_t output = 0; output < outputs; ++output) {
      Tree tree;
      for (int64_t i = 0; i < segments; ++i) tree.push(partial[output * segments + i]);
      write(place(output, 1), across(tree.total()));
    }
  }

  // --- columns

  static void combine_strip(TAcc* to, const TAcc* from, int64_t n) {
    for (int64_t i = 0; i < n; i += kN) {
      const V v = R::combine(load_lanes<TAcc, kN>(to + i), load_lanes<TAcc, kN>(from + i));
      std::memcpy(to + i, &v, sizeof(v));
    }
  }

  template <int kRows>
  static V combine_rows(const TIn* const* rows, int64_t column) {
    if constexpr (kRows == 1) {
      return at(rows[0] + column);
    } else {
      return R::combine(combine_rows<kRows / 2>(rows, column), combine_rows<kRows / 2>(rows + kRows / 2, column));
    }
  }

  template <int kRows>
  static V combine_some(const TIn* const* rows, int64_t column, int64_t n) {
    if constexpr (kRows == 1) {
      return some(rows[0] + column, n);
    } else {
      return R::combine(combine_some<kRows / 2>(rows, column, n), combine_some<kRows / 2>(rows + kRows / 2, column, n));
    }
  }

  // to[0, n) = the combination of kRows rows; whole vectors are written, the lanes past n with the identity.
  template <int kRows>
  static void strip_leaf(const TIn* const* rows, int64_t n, TAcc* to) {
    int64_t i = 0;
    for (; i + kN <= n; i += kN) {
      const V v = combine_rows<kRows>(rows, i);
      std::memcpy(to + i, &v, sizeof(v));
    }
    if (i < n) {
      const V v = combine_some<kRows>(rows, i, n - i);
      std::memcpy(to + i, &v, sizeof(v));
    }
  }

  // Tree for strips: those that wait lie on a stack.
  class StripTree {
   public:
    explicit StripTree(int64_t width) : width_(width) {}

    template <int kRows>
    void push(const TIn* const* rows, int64_t n) {
      TAcc* top = strips_[depth_++];
      if (n + kN <= width_) std::fill(top, top + width_, R::identity());
      strip_leaf<kRows>(rows, n, top);
      for (uint64_t bits = count_++; bits & 1; bits >>= 1) pop();
    }
    TAcc* total() {
      while (depth_ > 1) pop();
      return strips_[0];
    }

   private:
    void pop() {
      --depth_;
      combine_strip(strips_[depth_ - 1], strips_[depth_], width_);
    }

    int64_t width_;
    int depth_ = 0;
    uint64_t count_ = 0;
    alignas(64) TAcc strips_[kTreeDepth][kStrip + kN];
  };

  // How the columns of one plane (the innermost kept axis × all reduced axes) are cut up.
  struct Layout {
    int64_t columns, stride;  // of the innermost kept axis
    int64_t rows;             // all reduced axes together
    int64_t fold;             // so many short rows lying in one block count as a single long one
    int64_t segments, strips;
    Walk row_walk;

    Layout(const Split& parts)
        : columns(parts.kept.inner()),
          stride(parts.kept.inner_stride(0)),
          rows(parts.reduced.rows() * parts.reduced.inner()),
          fold(1),
          row_walk(parts.reduced) {
      const bool one_block = stride == kSize && parts.reduced.ndim == 1 && row_walk.inner_stride(0) == columns * kSize;
      while (one_block && 2 * fold * columns <= kStrip && 2 * fold <= rows) fold *= 2;
      segments = std::max<int64_t>(1, (rows / fold + kSegmentRows - 1) / kSegmentRows);
      strips = (columns + kStrip - 1) / kStrip;
      append_unit_axis(row_walk);
    }
    int64_t rows_at_most() const { return std::min(rows, kSegmentRows * fold); }
  };

  // Rows [begin, end) of the strip of n columns that starts `offset` bytes after a.data.
  static TAcc* strip(const Layout& layout, int64_t offset, int64_t n, int64_t begin, int64_t end, StripTree& tree) {
    alignas(64) TIn buffer[kRowsAtOnce][kStrip];
    const TIn* rows[kRowsAtOnce];
    RowCursor cursor(layout.row_walk, begin);
    const auto take = [&](int64_t count) {
      for (int64_t i = 0; i < count; ++i, cursor.next()) {
        rows[i] = reinterpret_cast<const TIn*>(cursor.data[0] + offset);
        if (layout.stride == kSize) continue;
        copy_run(reinterpret_cast<char*>(buffer[i]), kSize, cursor.data[0] + offset, layout.stride, n, kSize);
        rows[i] = buffer[i];
      }
      return rows;
    };
    int64_t left = end - begin;
    for (; left >= 8; left -= 8) tree.template push<8>(take(8), n);
    if (left & 4) tree.template push<4>(take(4), n);
    if (left & 2) tree.template push<2>(take(2), n);
    if (left & 1) tree.template push<1>(take(1), n);
    return tree.total();
  }

  // The same where `fold` rows lie in one block: their concatenation is reduced as one row, then folded onto itself.
  static TAcc* folded_strip(const Layout& layout, const TIn* p, int64_t begin, int64_t end, StripTree& tree) {
    const int64_t width = layout.fold * layout.columns;
    const TIn* rows[kRowsAtOnce];
    const auto take = [&](int64_t count) {
      for (int64_t i = 0; i < count; ++i, p += width) rows[i] = p;
      return rows;
    };
    p += begin * layout.columns;
    int64_t left = (end - begin) / layout.fold;
    for (; left >= 8; left -= 8) tree.template push<8>(take(8), width);
    if (left & 4) tree.template push<4>(take(4), width);
    if (left & 2) tree.template push<2>(take(2), width);
    if (left & 1) tree.template push<1>(take(1), width);
    if (const int64_t rest = (end - begin) % layout.fold) tree.template push<1>(take(1), rest * layout.columns);
    TAcc* total = tree.total();
    for (int64_t half = layout.fold / 2; half > 0; half /= 2)
      combine_strip(total, total + half * layout.columns, half * layout.columns);
    return total;
  }

  static void write_strip(char* to, int64_t stride, const TAcc* from, int64_t n) {
    if (stride == sizeof(TOut)) {
      for (int64_t i = 0; i < n; ++i) write(to + i * static_cast<int64_t>(sizeof(TOut)), from[i]);
    } else {
      for (int64_t i = 0; i < n; ++i) write(to + i * stride, from[i]);
    }
  }

  static void columns(const Split& parts) {
    const Walk& kept = parts.kept;
    const Layout layout(parts);
    const int64_t planes = kept.rows(), jobs = planes * layout.segments * layout.strips;
    const int64_t pitch = (layout.columns + kN - 1) / kN * kN;
    const bool direct = layout.segments == 1;
    Scratch<TAcc> partial(direct ? 0 : planes * layout.segments * pitch);
    const int64_t at_once = std::max<int64_t>(1, kBlock / (layout.rows_at_most() * std::min(layout.columns, kStrip)));
    parallel_ranges(jobs, at_once, [&](int64_t first, int64_t last) {
      for (int64_t job = first; job < last; ++job) {
        const int64_t column = job % layout.strips * kStrip, n = std::min(kStrip, layout.columns - column);
        const int64_t segment = job / layout.strips % layout.segments, plane = job / layout.strips / layout.segments;
        const int64_t begin = segment * kSegmentRows * layout.fold;
        const int64_t end = segment + 1 == layout.segments ? layout.rows : begin + kSegmentRows * layout.fold;
        const RowCursor at(kept, plane);
        const char* from = at.data[0] + column * layout.stride;
        StripTree tree((n * layout.fold + kN - 1) / kN * kN);
        const TAcc* total = layout.fold > 1 ? folded_strip(layout, reinterpret_cast<const TIn*>(from), begin, end, tree)
                                            : strip(layout, from - layout.row_walk.data[0], n, begin, end, tree);
        if (direct) {
          write_strip(at.data[1] + column * kept.inner_stride(1), kept.inner_stride(1), total, n);
        } else {
          TAcc* to = &partial[(plane * layout.segments + segment) * pitch + column];
          std::memcpy(to, total, static_cast<size_t>(n) * sizeof(TAcc));
        }
      }
    });
    if (direct) return;
    parallel_for(planes * layout.strips, [&](int64_t job) {
      const int64_t column = job % layout.strips * kStrip, n = std::min(kStrip, layout.columns - column);
      const int64_t plane = job / layout.strips;
      TAcc* rows = &partial[plane * layout.segments * pitch + column];
      for (int64_t step = 1; step < layout.segments; step *= 2)
        for (int64_t i = 0; i + step < layout.segments; i += 2 * step)
          combine_strip(rows + i * pitch, rows + (i + step) * pitch, n);
      const RowCursor at(kept, plane);
      write_strip(at.data[1] + column * kept.inner_stride(1), kept.inner_stride(1), rows, n);
    });
  }
};

}  // namespace detail

// `axes` as axis_mask gives them. `out` has the axes that are left, or with keepdims all with length 1 for the reduced.
template <class R>
void reduce(In a, uint32_t axes, Out out) {
  if (out.size() == 0) return;
  Array kept = out;  // the output as it broadcasts back onto the input: one step of 0 along every reduced axis
  kept.ndim = a.ndim;
  for (int axis = 0, own = 0; axis < a.ndim; ++axis) {
    const bool reduced = axes >> axis & 1;
    kept.shape[axis] = reduced ? 1 : a.shape[axis];
    kept.strides[axis] = reduced ? 0 : out.strides[own];
    own += !reduced || out.ndim == a.ndim;
  }
  if (a.size() == 0) {
    const typename R::Out empty = R::finish(R::identity());
    Walk walk = collapse(std::array<const Array*, 1>{&out}.data(), 1);
    return parallel_rows(walk, kBlock, [&](char* const* row, int64_t begin, int64_t end) {
      copy_run(row[0] + begin * walk.inner_stride(0), walk.inner_stride(0), reinterpret_cast<const char*>(&empty), 0,
               end - begin, sizeof(empty));
    });
  }
  const Array* const arrays[] = {&a, &kept};
  const Walk walk = collapse(arrays, 2);
  const detail::Split parts = detail::split(walk);
  if (walk.inner_stride(1) == 0) {
    detail::Reduction<R>::rows(parts);
  } else {
    detail::Reduction<R>::columns(parts);
  }
}

}  // namespace pe::cpu
