// How elementwise kernels walk arrays of any strides: every call of a kernel's loop gets contiguous operands or
// constants.
//
// Where an operand is neither, a chunk of it is gathered into a buffer in L1 first, and a strided output scattered
// afterwards. Four ways, tried in this order:
//   contiguous   all operands lie like the output, or are a single element
//   tiles        an operand is contiguous along another axis than the output (a + b.T): tiles that use whole cache
//   lines short rows   several rows are gathered and handed over as one rows         one call a row
// None of this code depends on the kernel, so it is compiled once.
#pragma once

#include <algorithm>
#include <atomic>

#include "core/element_loop.h"
#include "core/parallel.h"
#include "cpu/gather.h"
#include "cpu/loops.h"
#include "cpu/streams.h"

namespace pe::cpu {

// Where the kernels of this thread leave their loops; nullptr: they run them. The count of threads that have one spares
// the others the look at a variable of their own, which costs a call.
inline std::atomic<int> sketching_threads{0};
inline thread_local LoopSketch* thread_sketch = nullptr;

inline LoopSketch* sketch() { return sketching_threads.load(std::memory_order_relaxed) == 0 ? nullptr : thread_sketch; }

namespace detail {

inline constexpr int64_t kChunk = 1024;       // elements in a gather buffer: those of three float32 operands fit in L1
inline constexpr int64_t kShortRow = 64;      // rows below this length are handed over several at a time,
inline constexpr int64_t kRepeatedRow = 256;  // below this where all that is gathered is the same for every row

inline constexpr int64_t kBandTiles = 4;

enum class Access { stream, constant, gather };

// How the loop reaches each operand, as bits.
struct Plan {
  unsigned constants = 0;
  unsigned gathered = 0;

  template <class Classify>
  Plan(int operands, bool streamed, Classify classify) {
    for (int op = 0; op < operands; ++op) {
      const Access access = classify(op);
      constants |= static_cast<unsigned>(access == Access::constant && op > 0) << op;
      gathered |= static_cast<unsigned>(access == Access::gather) << op;
    }
    if (constants + 2 == 1u << operands) {  // nothing but constants: spread the first over a buffer
      constants &= ~2u;
      gathered |= 2u;
    }
    if (streamed && !gathers(0)) constants |= kStreamed;
  }

  bool gathers(int op) const { return gathered >> op & 1; }
};

// Not where the output is an input too: its lines are in the cache then.
inline bool pays_to_stream(const Array* const* arrays, int count, int64_t size) {
  if (!outgrows_caches(size * itemsize(arrays[0]->dtype))) return false;
  for (int op = 1; op < count; ++op)
    if (arrays[op]->data == arrays[0]->data) return false;
  return true;
}

struct GatherBuffers {
  alignas(64) char bytes[kMaxOperands][kChunk * 8 + kGatherSlack];
};

struct Elements {
  ElementLoop loop;
  Walk walk;
  int64_t sizes[kMaxOperands];  // bytes of an element
  bool streamed;

  // Along the innermost axis only.
  Plan row_plan() const {
    return Plan(walk.operands, streamed, [&](int op) {
      const int64_t stride = walk.inner_stride(op);
      return stride == sizes[op] ? Access::stream : stride == 0 ? Access::constant : Access::gather;
    });
  }

  // Over whole rows in walk order.
  Plan block_plan() const {
    return Plan(walk.operands, streamed, [&](int op) {
      bool dense = true, constant = true;
      int64_t expected = sizes[op];
      for (int axis = walk.ndim - 1; axis >= 0; expected *= walk.shape[axis--]) {
        dense &= walk.strides[op][axis] == expected;
        constant &= walk.strides[op][axis] == 0;
      }
      return dense ? Access::stream : constant ? Access::constant : Access::gather;
    });
  }

  bool repeats_rows(int op) const {
    for (int axis = 0; axis + 1 < walk.ndim; ++axis)
      if (walk.strides[op][axis] != 0) return false;
    return true;
  }

  // --- rows

  void rows() const {
    const Plan plan = row_plan();
    parallel_rows(walk, kBlock, [&](char* const* row, int64_t begin, int64_t end) {
      if (plan.gathered) return gathered_row(plan, row, begin, end);
      char* data[kMaxOperands];
      for (int op = 0; op < walk.operands; ++op) data[op] = row[op] + begin * walk.inner_stride(op);
      loop(data, end - begin, plan.constants);
    });
  }

  void gathered_row(const Plan& plan, char* const* row, int64_t begin, int64_t end) const {
    GatherBuffers buffers;
    for (int64_t at = begin; at < end; at += kChunk) {
      const int64_t n = std::min(kChunk, end - at);
      char *place[kMaxOperands], *data[kMaxOperands];
      for (int op = 0; op < walk.operands; ++op) {
        data[op] = place[op] = row[op] + at * walk.inner_stride(op);
        if (!plan.gathers(op)) continue;
        data[op] = buffers.bytes[op];
        if (op > 0) copy_run(data[op], sizes[op], place[op], walk.inner_stride(op), n, sizes[op]);
      }
      loop(data, n, plan.constants);
      if (plan.gathers(0)) copy_run(place[0], walk.inner_stride(0), data[0], sizes[0], n, sizes[0]);
    }
  }

  // --- short rows

  // body(place, rows) for runs of rows, counted in walk order, that follow each other along the last axis but one.
  template <class Body>
  void for_row_runs(int op, int64_t first, int64_t count, Body&& body) const {
    const int64_t length = walk.shape[walk.ndim - 2];
    while (count > 0) {
      const int64_t run = std::min(count, length - first % length);
      body(RowCursor(walk, first).data[op], run);
      first += run;
      count -= run;
    }
  }

  void gather_rows(int op, char* to, int64_t first, int64_t count) const {
    const int64_t length = walk.inner(), row_stride = walk.strides[op][walk.ndim - 2];
    for_row_runs(op, first, count, [&](const char* from, int64_t run) {
      gather(to, length * sizes[op], from, row_stride, walk.inner_stride(op), run, length, sizes[op]);
      to += run * length * sizes[op];
    });
  }

  void scatter_rows(char* from, int64_t first, int64_t count) const {
    const int64_t length = walk.inner(), row_stride = walk.strides[0][walk.ndim - 2];
    for_row_runs(0, first, count, [&](char* to, int64_t run) {
      for (int64_t row = 0; row < run; ++row, from += length * sizes[0])
        copy_run(to + row * row_stride, walk.inner_stride(0), from, sizes[0], length, sizes[0]);
    });
  }

  // True where short rows are worth it: see kShortRow and kRepeatedRow.
  bool has_short_rows() const {
    if (walk.ndim == 1 || walk.inner() >= kRepeatedRow) return false;
    if (walk.inner() < kShortRow) return true;
    const Plan plan = block_plan();
    for (int op = 0; op < walk.operands; ++op)
      if (plan.gathers(op) && (op == 0 || !repeats_rows(op))) return false;
    return true;
  }

  void short_rows() const {
    const Plan plan = block_plan();
    const int64_t length = walk.inner(), rows_at_once = kChunk / length;
    const int64_t block = std::max<int64_t>(1, kBlock / length / rows_at_once) * rows_at_once;
    parallel_ranges(walk.rows(), block, [&](int64_t first, int64_t last) {
      GatherBuffers buffers;
      char* data[kMaxOperands];
      const RowCursor start(walk, first);
      for (int op = 0; op < walk.operands; ++op) data[op] = plan.gathers(op) ? buffers.bytes[op] : start.data[op];
      for (int64_t row = first; row < last; row += rows_at_once) {
        const int64_t count = std::min(rows_at_once, last - row);
        for (int op = 1; op < walk.operands; ++op)
          if (plan.gathers(op) && (row == first || !repeats_rows(op))) gather_rows(op, data[op], row, count);
        loop(data, count * length, plan.constants);
        if (plan.gathers(0)) scatter_rows(data[0], row, count);
        for (int op = 0; op < walk.operands; ++op)
          if (!plan.gathers(op) && !(plan.constants >> op & 1)) data[op] += count * length * sizes[op];
      }
    });
  }

  // --- tiles

  // The axis along which some operand is contiguous that is not so along the innermost; -1 where there is none.
  int tile_axis() const {
    for (int op = 1; op < walk.operands; ++op) {
      const int64_t stride = walk.inner_stride(op);
      for (int axis = walk.ndim - 2; axis >= 0 && stride != sizes[op] && stride != 0; --axis)
        if (walk.strides[op][axis] == sizes[op]) return axis;
    }
    return -1;
  }

  // Makes `axis` the last but one.
  void lower(int axis) {
    std::swap(walk.shape[axis], walk.shape[walk.ndim - 2]);
    for (auto& strides : walk.strides) std::swap(strides[axis], strides[walk.ndim - 2]);
  }

  void tiles() const {
    const Plan plan = row_plan();
    Walk planes = walk;  // a "row" of this walk is a plane of tiles
    --planes.ndim;
    const int64_t rows = planes.inner(), columns = walk.inner();
    int64_t height = 1;
    for (int op = 1; op < walk.operands; ++op)
      if (plan.gathers(op)) height = std::max(height, kLineBytes / sizes[op]);
    const int64_t width = kChunk / height;
    const int64_t band = kBandTiles * height;  // tiles below each other read neighbouring cache lines of the same pages
    const int64_t down = (rows + band - 1) / band, across = (columns + width - 1) / width;
    const int64_t at_once = std::max<int64_t>(1, kBlock / (std::min(rows, band) * std::min(columns, width)));
    parallel_ranges(planes.rows() * down * across, at_once, [&](int64_t begin, int64_t end) {
      RowCursor plane(planes, begin / (down * across));
      for (int64_t i = begin; i < end; ++i) {
        if (i > begin && i % (down * across) == 0) plane.next();
        const int64_t first = i / across % down * band, last = std::min(first + band, rows);
        const int64_t column = i % across * width, n = std::min(width, columns - column);
        for (int64_t row = first; row < last; row += height)
          tile(plan, plane.data, row, std::min(height, last - row), column, n);
      }
    });
  }

  void tile(const Plan& plan, char* const* plane, int64_t row, int64_t rows, int64_t column, int64_t columns) const {
    GatherBuffers buffers;
    char *place[kMaxOperands], *data[kMaxOperands];
    int64_t step[kMaxOperands];
    for (int op = 0; op < walk.operands; ++op) {
      step[op] = walk.strides[op][walk.ndim - 2];
      data[op] = place[op] = plane[op] + row * step[op] + column * walk.inner_stride(op);
      if (!plan.gathers(op)) continue;
      data[op] = buffers.bytes[op];
      if (op > 0)
        gather(data[op], columns * sizes[op], place[op], step[op], walk.inner_stride(op), rows, columns, sizes[op]);
      step[op] = columns * sizes[op];
    }
    for (int64_t i = 0; i < rows; ++i) {
      loop(data, columns, plan.constants);
      for (int op = 0; op < walk.operands; ++op) data[op] += step[op];
    }
    for (int64_t i = 0; plan.gathers(0) && i < rows; ++i)
      copy_run(place[0] + i * walk.strides[0][walk.ndim - 2], walk.inner_stride(0), buffers.bytes[0] + i * step[0],
               sizes[0], columns, sizes[0]);
  }

  void run() {
    const int axis = tile_axis();
    if (axis >= 0) lower(axis);
    if (has_short_rows()) return short_rows();
    if (axis >= 0) return tiles();
    rows();
  }
};

inline bool same_shape(const Array& a, const Array& b) {
  if (a.ndim != b.ndim) return false;
  for (int i = 0; i < a.ndim; ++i)
    if (a.shape[i] != b.shape[i]) return false;
  return true;
}

// Everything contiguous, or a single element: no walk to build. Returns false where it is not so.
inline bool run_contiguous(const ElementLoop& loop, const Array* const* arrays, int count, int64_t size) {
  if (!is_contiguous(*arrays[0])) return false;
  unsigned constants = 0;
  char* data[kMaxOperands];
  data[0] = arrays[0]->as<char>();
  for (int op = 1; op < count; ++op) {
    const Array& a = *arrays[op];
    data[op] = a.as<char>();
    if (same_shape(a, *arrays[0]) && is_contiguous(a)) continue;
    if (a.size() != 1) return false;
    constants |= 1u << op;
  }
  if (constants + 2 == 1u << count) return false;
  if (size <= kBlock) {
    loop(data, size, constants);
    return true;
  }
  const unsigned flags = constants | (pays_to_stream(arrays, count, size) ? kStreamed : 0);
  parallel_ranges(size, kBlock, [&](int64_t begin, int64_t end) {
    char* at[kMaxOperands];
    for (int op = 0; op < count; ++op)
      at[op] = data[op] + (constants >> op & 1 ? 0 : begin * itemsize(arrays[op]->dtype));
    loop(at, end - begin, flags);
  });
  return true;
}

inline void note(LoopSketch& sketch, const ElementLoop& loop, const Array* const* arrays, int count) {
  ++sketch.loops;
  sketch.kind = LoopSketch::Kind::elements;
  sketch.element = loop;
  if (loop.functor_bytes) std::memcpy(sketch.functor.data(), loop.functor, loop.functor_bytes);
  sketch.operands = count;
  for (int op = 0; op < count; ++op) sketch.arrays[static_cast<size_t>(op)] = *arrays[op];
}

}  // namespace detail

// Runs the loop over arrays[0], the output, and the inputs that broadcast to it.
[[gnu::noinline]] inline void run_elements(const ElementLoop& loop, const Array* const* arrays, int count) {
  if (LoopSketch* wanted = sketch()) return detail::note(*wanted, loop, arrays, count);
  const int64_t size = arrays[0]->size();
  if (size == 0 || detail::run_contiguous(loop, arrays, count, size)) return;
  detail::Elements elements{loop, collapse(arrays, count), {}, detail::pays_to_stream(arrays, count, size)};
  for (int op = 0; op < count; ++op) elements.sizes[op] = itemsize(arrays[op]->dtype);
  elements.run();
}

}  // namespace pe::cpu
