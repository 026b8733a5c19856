// Reducing along axes that are not innermost in memory: a strip of neighbouring outputs at a time.
//
// Rows of the strip are added in leaves of 8, a tree in registers, and leaves in a binary tree of strips in L1, so an
// element passes at most 1 + log2(rows) additions. Rows that are short but lie in one block are taken several at a time
// as one long row, which is folded onto itself at the end. Where the innermost axis is strided (or, in reduce_rows.h,
// reduced but short) a leaf's rows are gathered into a buffer first. Threads take strips of kSegmentRows rows.
#pragma once

#include <algorithm>
#include <optional>

#include "core/memory.h"
#include "core/parallel.h"
#include "cpu/gather.h"
#include "cpu/reduce_lanes.h"

namespace pe::cpu::detail {

inline constexpr int64_t kStrip = 1024;
inline constexpr int64_t kLeafRows = 8;
inline constexpr int64_t kSegmentRows = 256;
inline constexpr int kTreeDepth = 8;  // strips waiting: the bits of the most leaves of a segment, and the newest

template <class R>
struct ColumnReduction : LaneReduction<R> {
  using Base = LaneReduction<R>;
  using Base::at, Base::combine, Base::identity, Base::kN, Base::kSize, Base::some, Base::write;
  using typename Base::TAcc;
  using typename Base::TIn;
  using typename Base::TOut;
  using typename Base::V;

  static void run(const Split& parts) {
    const Layout layout(parts);
    const int64_t planes = parts.kept.rows(), jobs = planes * layout.segments * layout.strips;
    std::optional<Scratch<TAcc>> scratch;
    if (layout.segments > 1) scratch.emplace(planes * layout.segments * layout.pitch);
    TAcc* partial = scratch ? scratch->data() : nullptr;
    const int64_t job_size = std::min(layout.rows, layout.segment_rows) * std::min(layout.columns, kStrip);
    parallel_ranges(jobs, std::max<int64_t>(1, kBlock / job_size), [&](int64_t first, int64_t last) {
      for (int64_t job = first; job < last; ++job) reduce_strip(parts, layout, job, partial);
    });
    if (!partial) return;
    parallel_for(planes * layout.strips, [&](int64_t job) { combine_segments(parts.kept, layout, job, partial); });
  }

 private:
  // How the columns of one plane (the innermost kept axis × all reduced axes) are cut up.
  struct Layout {
    int64_t columns, stride;  // of the innermost kept axis
    int64_t rows;             // all reduced axes together
    int64_t row_stride = 0;   // where there is one reduced axis
    int64_t fold = 1;         // so many short rows lying in one block count as a single long one
    int64_t segment_rows, segments, strips;
    int64_t pitch;  // from segment to segment in the scratch of partial results
    Walk row_walk;  // over the reduced axes; its innermost axis is a dummy, so that each step of a cursor is one row

    explicit Layout(const Split& parts)
        : columns(parts.kept.inner()),
          stride(parts.kept.inner_stride(0)),
          rows(parts.reduced.rows() * parts.reduced.inner()),
          row_walk(parts.reduced) {
      if (row_walk.ndim == 1) row_stride = row_walk.inner_stride(0);
      const bool one_block = stride == kSize && row_walk.ndim == 1 && row_stride == columns * kSize;
      while (one_block && 2 * fold * columns <= kStrip && 2 * fold <= rows) fold *= 2;
      segment_rows = kSegmentRows * fold;
      segments = std::max<int64_t>(1, (rows / fold + kSegmentRows - 1) / kSegmentRows);
      strips = (columns + kStrip - 1) / kStrip;
      pitch = (columns + kN - 1) / kN * kN;
      append_unit_axis(row_walk);
    }
  };

  static void combine_strips(TAcc* to, const TAcc* from, int64_t n) {
    for (int64_t i = 0; i < n; i += kN) {
      const V v = combine(load_lanes<TAcc, kN>(to + i), load_lanes<TAcc, kN>(from + i));
      store_lanes<TAcc, kN>(to + i, v);
    }
  }

  template <int kRows, class Load>
  static V combine_rows(const TIn* const* rows, const Load& load) {
    if constexpr (kRows == 1) {
      return load(rows[0]);
    } else {
      return combine(combine_rows<kRows / 2>(rows, load), combine_rows<kRows / 2>(rows + kRows / 2, load));
    }
  }

  // to[0, n) = the combination of kRows rows.
  template <int kRows>
  static void leaf(const TIn* const* rows, int64_t n, TAcc* to) {
    const auto write_at = [&](int64_t i, const auto& load) {
      const V v = combine_rows<kRows>(rows, load);
      store_lanes<TAcc, kN>(to + i, v);
    };
    for (int64_t i = 0; i + kN <= n; i += kN) write_at(i, [i](const TIn* row) { return at(row + i); });
    if (n % kN == 0) return;
    if (n > kN) {
      write_at(n - kN, [n](const TIn* row) { return at(row + n - kN); });
    } else {
      write_at(0, [n](const TIn* row) { return some(row, n); });
    }
  }

  // A binary tree like that of reduce_rows.h whose values are strips; those that wait lie on a stack.
  class StripTree {
   public:
    explicit StripTree(int64_t width) : width_(width) {}

    template <int kRows>
    void push(const TIn* const* rows, int64_t n) {
      TAcc* top = strips_[depth_++];
      std::fill(top + n, top + std::max(n, width_), R::identity());
      leaf<kRows>(rows, n, top);
      for (uint64_t bits = count_++; bits & 1; bits >>= 1) pop();
    }

    // `rows(count)` gives the next count <= kLeafRows rows.
    template <class Rows>
    void push_all(int64_t count, int64_t n, Rows&& rows) {
      for (; count >= kLeafRows; count -= kLeafRows) push<kLeafRows>(rows(kLeafRows), n);
      if (count & 4) push<4>(rows(4), n);
      if (count & 2) push<2>(rows(2), n);
      if (count & 1) push<1>(rows(1), n);
    }

    TAcc* total() {
      while (depth_ > 1) pop();
      return strips_[0];
    }

   private:
    void pop() {
      --depth_;
      combine_strips(strips_[depth_ - 1], strips_[depth_], width_);
    }

    int64_t width_;
    int depth_ = 0;
    uint64_t count_ = 0;
    alignas(64) TAcc strips_[kTreeDepth][kStrip + kN];
  };

  // Rows [begin, end) of the strip of n columns whose input starts `offset` bytes after the walk's.
  static TAcc* strip(const Layout& layout, int64_t offset, int64_t n, int64_t begin, int64_t end, StripTree& tree) {
    alignas(64) TIn buffer[kLeafRows * kStrip + kGatherSlack];
    const TIn* rows[kLeafRows];
    RowCursor cursor(layout.row_walk, begin);
    const auto gather_rows = [&](int64_t count) {
      char* to = reinterpret_cast<char*>(buffer);
      if (layout.row_stride != 0) {
        gather(to, n * kSize, cursor.data[0] + offset, layout.row_stride, layout.stride, count, n, kSize);
        for (int64_t i = 0; i < count; ++i) cursor.next();
      } else {
        for (int64_t i = 0; i < count; ++i, cursor.next())
          gather(to + i * n * kSize, n * kSize, cursor.data[0] + offset, 0, layout.stride, 1, n, kSize);
      }
      for (int64_t i = 0; i < count; ++i) rows[i] = buffer + i * n;
      return rows;
    };
    const auto point_at_rows = [&](int64_t count) {
      for (int64_t i = 0; i < count; ++i, cursor.next())
        rows[i] = reinterpret_cast<const TIn*>(cursor.data[0] + offset);
      return rows;
    };
    if (layout.stride == kSize) {
      tree.push_all(end - begin, n, point_at_rows);
    } else {
      tree.push_all(end - begin, n, gather_rows);
    }
    return tree.total();
  }

  // The same where layout.fold rows lie in one block: taken as one row, then folded onto itself.
  static TAcc* folded_strip(const Layout& layout, const TIn* p, int64_t begin, int64_t end, StripTree& tree) {
    const int64_t width = layout.fold * layout.columns;
    const TIn* rows[kLeafRows];
    p += begin * layout.columns;
    const auto take = [&](int64_t count) {
      for (int64_t i = 0; i < count; ++i, p += width) rows[i] = p;
      return rows;
    };
    tree.push_all((end - begin) / layout.fold, width, take);
    if (const int64_t rest = (end - begin) % layout.fold) tree.template push<1>(take(1), rest * layout.columns);
    TAcc* total = tree.total();
    for (int64_t half = layout.fold / 2; half > 0; half /= 2)
      combine_strips(total, total + half * layout.columns, half * layout.columns);
    return total;
  }

  static void write_strip(const Walk& kept, char* to, const TAcc* from, int64_t n) {
    const int64_t stride = kept.inner_stride(1);
    if (stride == sizeof(TOut)) {  // a constant stride, which the compiler vectorises
      for (int64_t i = 0; i < n; ++i) write(to + i * static_cast<int64_t>(sizeof(TOut)), from[i]);
    } else {
      for (int64_t i = 0; i < n; ++i) write(to + i * stride, from[i]);
    }
  }

  // Job by plane, segment, strip: writes the outputs, or to `partial` where there are several segments.
  static void reduce_strip(const Split& parts, const Layout& layout, int64_t job, TAcc* partial) {
    const int64_t column = job % layout.strips * kStrip, n = std::min(kStrip, layout.columns - column);
    const int64_t segment = job / layout.strips % layout.segments, plane = job / layout.strips / layout.segments;
    const int64_t begin = segment * layout.segment_rows;
    const int64_t end = segment + 1 == layout.segments ? layout.rows : begin + layout.segment_rows;
    const RowCursor at_plane(parts.kept, plane);
    const char* from = at_plane.data[0] + column * layout.stride;
    StripTree tree((n * layout.fold + kN - 1) / kN * kN);
    const TAcc* total = layout.fold > 1 ? folded_strip(layout, reinterpret_cast<const TIn*>(from), begin, end, tree)
                                        : strip(layout, from - layout.row_walk.data[0], n, begin, end, tree);
    if (!partial) return write_strip(parts.kept, at_plane.data[1] + column * parts.kept.inner_stride(1), total, n);
    TAcc* to = partial + (plane * layout.segments + segment) * layout.pitch + column;
    std::memcpy(to, total, static_cast<size_t>(n) * sizeof(TAcc));
  }

  // Job by plane, strip: the segments' partial results, pairwise in place.
  static void combine_segments(const Walk& kept, const Layout& layout, int64_t job, TAcc* partial) {
    const int64_t column = job % layout.strips * kStrip, n = std::min(kStrip, layout.columns - column);
    TAcc* rows = partial + job / layout.strips * layout.segments * layout.pitch + column;
    for (int64_t step = 1; step < layout.segments; step *= 2)
      for (int64_t i = 0; i + step < layout.segments; i += 2 * step)
        combine_strips(rows + i * layout.pitch, rows + (i + step) * layout.pitch, n);
    const RowCursor at_plane(kept, job / layout.strips);
    write_strip(kept, at_plane.data[1] + column * kept.inner_stride(1), rows, n);
  }
};

}  // namespace pe::cpu::detail
