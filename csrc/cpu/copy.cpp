// out = a, cast to another dtype, or out = value everywhere. Any strides on either side.
//
// Moves n·(size of a + size of out) bytes and computes nothing, so it should run at the speed of memory: whole blocks
// by memcpy, or past the caches (streams.h), where both lie contiguously; tiles that are turned over in registers
// (transpose.h) where the two disagree on which axis is innermost; a strided loop otherwise. A cast is an elementwise
// kernel whose functor is convert<To>.
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "cpu/convert.h"
#include "cpu/elementwise_walk.h"
#include "kernels.h"

namespace pe {

namespace {

// --- casts

template <class To, class From>
void cast_loop(const void*, char* const* data, int64_t n, unsigned) {
  To* to = reinterpret_cast<To*>(data[0]);
  const From* from = reinterpret_cast<const From*>(data[1]);
  for (int64_t i = cpu::convert_vectors(to, from, n); i < n; ++i) to[i] = convert<To>(from[i]);
}

void cast(In a, Out out) {
  const ElementLoop loop = with_type(out.dtype, [&](auto to) {
    return with_type(a.dtype,
                     [&](auto from) { return ElementLoop{cast_loop<decltype(to), decltype(from)>, nullptr, 0}; });
  });
  const Array* const arrays[] = {&out, &a};
  cpu::run_elements(loop, arrays, 2);
}

// --- the same dtype

constexpr int64_t kTile = 64;  // items: a tile of the source and one of the output stay in L1 and L2 together

// The axis along which the source is contiguous where the output is so along the innermost one; -1 where there is none.
int transposed_axis(const Walk& walk, int64_t size) {
  if (walk.inner_stride(0) != size || walk.inner_stride(1) == size) return -1;
  for (int axis = walk.ndim - 2; axis >= 0; --axis)
    if (walk.strides[1][axis] == size) return axis;
  return -1;
}

void copy_transposed(const Walk& walk, int axis, int64_t size) {
  Walk planes = walk;  // one "row" of this walk is a matrix to turn over
  std::swap(planes.shape[axis], planes.shape[walk.ndim - 2]);
  for (auto& strides : planes.strides) std::swap(strides[axis], strides[walk.ndim - 2]);
  planes.ndim = walk.ndim - 1;
  const int64_t rows = walk.inner(), columns = walk.shape[axis];
  const int64_t row_tiles = (rows + kTile - 1) / kTile, column_tiles = (columns + kTile - 1) / kTile;
  const int64_t tiles = row_tiles * column_tiles;
  const int64_t tile_items = std::min(rows, kTile) * std::min(columns, kTile);
  const int64_t at_once = std::max<int64_t>(1, cpu::kBlock / tile_items);
  parallel_ranges(planes.rows() * tiles, at_once, [&](int64_t begin, int64_t end) {
    cpu::RowCursor plane(planes, begin / tiles);
    for (int64_t i = begin; i < end; ++i) {
      if (i > begin && i % tiles == 0) plane.next();
      const int64_t column = i % tiles / row_tiles * kTile, row = i % row_tiles * kTile;
      cpu::transpose(plane.data[0] + column * walk.strides[0][axis] + row * size, walk.strides[0][axis],
                     plane.data[1] + row * walk.inner_stride(1) + column * size, walk.inner_stride(1),
                     std::min(kTile, rows - row), std::min(kTile, columns - column), size);
    }
  });
}

// For who fuses the copy with other kernels: n items of one operand to the other.
template <class Item>
void item_loop(const void*, char* const* data, int64_t n, unsigned) {
  std::memcpy(data[0], data[1], static_cast<size_t>(n) * sizeof(Item));
}

ElementLoop item_loop_of(int64_t size) {
  switch (size) {
    case 1:
      return {item_loop<uint8_t>, nullptr, 0};
    case 2:
      return {item_loop<uint16_t>, nullptr, 0};
    case 4:
      return {item_loop<uint32_t>, nullptr, 0};
    default:
      return {item_loop<uint64_t>, nullptr, 0};
  }
}

void move(In a, Out out) {
  const int64_t count = out.size(), size = itemsize(out.dtype);
  if (count == 0 || a.data == out.data) return;  // the same view: there is no other overlap to handle
  const Array* const arrays[] = {&out, &a};
  if (cpu::sketch()) return cpu::run_elements(item_loop_of(size), arrays, 2);
  const Walk walk = collapse(arrays, 2);
  const int axis = transposed_axis(walk, size);
  if (axis >= 0) return copy_transposed(walk, axis, size);
  const int64_t to = walk.inner_stride(0), from = walk.inner_stride(1);
  const bool streamed = to == size && from == size && cpu::outgrows_caches(count * size);
  cpu::parallel_rows(walk, cpu::kBlock, [&](char* const* row, int64_t begin, int64_t end) {
    if (streamed) return cpu::stream_copy(row[0] + begin * size, row[1] + begin * size, (end - begin) * size);
    cpu::copy_run(row[0] + begin * to, to, row[1] + begin * from, from, end - begin, size);
  });
}

template <class T>
void fill_streamed(T* out, int64_t n, T item) {
  char line[cpu::kStreamLine];
  for (size_t at = 0; at < sizeof(line); at += sizeof(T)) std::memcpy(line + at, &item, sizeof(T));
  parallel_ranges(n, cpu::kBlock, [&](int64_t begin, int64_t end) {
    cpu::stream_fill(out + begin, line, (end - begin) * static_cast<int64_t>(sizeof(T)));
  });
}

}  // namespace

void copy(In a, DType dtype, Out out) {
  if (out.dtype != dtype) throw DTypeError(std::string("copy: out is ") + name(out.dtype) + ", not " + name(dtype));
  if (a.dtype == dtype) {
    move(a, out);
  } else {
    cast(a, out);
  }
}

void full(const Ints&, double value, DType dtype, Out out) {
  with_type(dtype, [&](auto to) {
    auto item = convert<decltype(to)>(value);
    if (is_contiguous(out) && cpu::outgrows_caches(out.size() * itemsize(dtype)))
      return fill_streamed(out.as<decltype(to)>(), out.size(), item);
    Array constant;
    constant.data = &item;
    constant.dtype = dtype;
    move(constant, out);
  });
}

}  // namespace pe
