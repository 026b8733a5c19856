// out = a, cast to another dtype, or out = value everywhere. Any strides on either side.
//
// Moves n·(size of a + size of out) bytes and computes nothing: the speed is that of memory. A cast is elementwise, by
// the CPU's very convert<To>; a copy of one dtype moves bits. Where source and output disagree on which axis is
// innermost, 32 × 32 tiles are turned over in shared memory, so that both are accessed in whole lines.
#include "kernels/copy.h"

#include <utility>

#include "core/convert.h"
#include "cuda/elementwise.h"

namespace pe {

namespace {

template <class To>
struct Convert {
  template <class From>
  __device__ To operator()(From value) const {
    return convert<To>(value);
  }
};

struct Same {
  template <class T>
  __device__ T operator()(T value) const {
    return value;
  }
};

// --- turning over

constexpr int kTile = 32, kTileRows = kThreads / kTile;

// A matrix [rows, columns] of `from` with rows side by side in memory, into `to` with columns side by side.
struct Turn {
  int64_t rows, columns, to_stride, from_stride;
  int64_t row_tiles, column_tiles;
};

// The column of a tile is one element longer than it need be: then a column's elements lie in different banks.
template <class T>
__global__ void __launch_bounds__(kThreads) turn_tiles(Strided<2> planes, Turn turn) {
  __shared__ T tile[kTile][kTile + 1];
  const int64_t row_tile = blockIdx.x % turn.row_tiles, rest = blockIdx.x / turn.row_tiles;
  const int64_t row0 = row_tile * kTile, column0 = rest % turn.column_tiles * kTile;
  const auto at = planes.offsets(rest / turn.column_tiles);
  const T* from = planes.data<const T>(1) + at[1];
  T* to = planes.data<T>(0) + at[0];
  const int x = static_cast<int>(threadIdx.x) % kTile, y0 = static_cast<int>(threadIdx.x) / kTile;
  for (int y = y0; y < kTile; y += kTileRows) {
    const int64_t row = row0 + x, column = column0 + y;
    if (row < turn.rows && column < turn.columns) tile[y][x] = from[column * turn.from_stride + row];
  }
  __syncthreads();
  for (int y = y0; y < kTile; y += kTileRows) {
    const int64_t row = row0 + y, column = column0 + x;
    if (row < turn.rows && column < turn.columns) to[row * turn.to_stride + column] = tile[x][y];
  }
}

// The axis along which the source is contiguous where the output is so along the innermost one; -1 where there is none,
// or where the matrix of the two axes fills no tile.
int turned_axis(const Strided<2>& walk) {
  const int inner = walk.ndim - 1;
  if (walk.strides[0][inner] != 1 || walk.strides[1][inner] == 1 || walk.shape[inner] < kTile / 2) return -1;
  for (int axis = inner - 1; axis >= 0; --axis)
    if (walk.strides[1][axis] == 1) return walk.shape[axis] < kTile / 2 ? -1 : axis;
  return -1;
}

template <class T>
void turn_over(Strided<2> walk, int axis) {
  const int inner = walk.ndim - 1;
  Turn turn{walk.shape[axis], walk.shape[inner], walk.strides[0][axis], walk.strides[1][inner], 0, 0};
  turn.row_tiles = ceil_div(turn.rows, kTile);
  turn.column_tiles = ceil_div(turn.columns, kTile);
  walk.drop_axis(inner);
  walk.drop_axis(axis);
  const int64_t blocks = turn.row_tiles * turn.column_tiles * walk.size;
  enqueue(turn_tiles<T>, static_cast<unsigned>(blocks), kThreads)(walk, turn);
}

// The same dtype: elements of 1, 2, 4 or 8 bytes, whatever they mean.
void move(In a, Out out) {
  if (out.size() == 0 || a.data == out.data) return;  // the same view: there is no other overlap to handle
  by_size(out.dtype, [&](auto type) {
    using T = TypeOf<decltype(type)>;
    const Strided<2> walk(out, a);
    const int axis = turned_axis(walk);
    if (axis >= 0) return turn_over<T>(walk, axis);
    elementwise<T, T>(Same{}, out, a);
  });
}

// --- filling

template <class T>
struct Constant {
  T value;
  __device__ T operator()() const { return value; }
};

}  // namespace

void copy(In a, DType dtype, Out out) {
  if (out.dtype != dtype) throw DTypeError(std::string("copy: out is ") + name(out.dtype) + ", not " + name(dtype));
  if (a.dtype == dtype) return move(a, out);
  with_type(out.dtype, [&](auto to) {
    with_type(a.dtype, [&](auto from) {
      using To = decltype(to);
      elementwise<To, decltype(from)>(Convert<To>{}, out, a);
    });
  });
}

void full(const Ints&, double value, DType dtype, Out out) {
  with_type(dtype, [&](auto to) { elementwise<decltype(to)>(Constant{convert<decltype(to)>(value)}, out); });
}

}  // namespace pe
