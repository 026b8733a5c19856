// out = a, cast to another dtype, or out = value everywhere. Any strides on either side.
//
// Moves n·(size of a + size of out) bytes and computes nothing: the speed is that of memory. A cast is elementwise, by
// the CPU's very convert<To>; one of transposed data is not tiled. A copy of one dtype moves bits: by the device's own
// copy where both lie in one block, and where they disagree on which axis is innermost by tiles that are turned over in
// shared memory, since a warp reads and writes whole lines only along that axis.
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

constexpr int kTile = 32;  // elements along either side, so that a warp takes a line
constexpr int kTileRows = kThreads / kTile;
constexpr int64_t kLeastSide = 8;  // of a matrix that is turned over; below it most threads of a warp would idle

// The matrices in a walk over out and a: out is contiguous along the rows' axis, a along the columns'.
struct Matrices {
  int64_t rows, columns;
  int64_t out_column, a_row;  // how far apart two columns lie in out, and two rows in a
};

// A block turns over one tile after another of one matrix after another. out's lines are written from the tile's
// columns, whose elements lie kTile + kPad apart: an odd number of 4-byte words, so in 32 different banks.
template <class T>
__global__ void __launch_bounds__(kThreads) turn_over(Strided<2> planes, Matrices m) {
  constexpr int kPad = sizeof(T) < 4 ? 4 / sizeof(T) : 1;
  __shared__ T tile[kTile][kTile + kPad];
  const int x = static_cast<int>(threadIdx.x) % kTile, y = static_cast<int>(threadIdx.x) / kTile;
  const auto row_tiles = static_cast<unsigned>(ceil_div(m.rows, kTile));
  const unsigned tiles = row_tiles * static_cast<unsigned>(ceil_div(m.columns, kTile));
  for (int64_t plane = blockIdx.y; plane < planes.size; plane += gridDim.y) {
    const auto at = planes.offsets(plane);
    T* out = planes.data<T>(0) + at[0];
    const T* a = planes.data<const T>(1) + at[1];
    for (unsigned i = blockIdx.x; i < tiles; i += gridDim.x) {
      const int64_t row = int64_t{i % row_tiles} * kTile, column = int64_t{i / row_tiles} * kTile;
#pragma unroll
      for (int j = y; j < kTile; j += kTileRows)
        if (row + j < m.rows && column + x < m.columns) tile[j][x] = a[(row + j) * m.a_row + column + x];
      __syncthreads();  // the tile is complete
#pragma unroll
      for (int j = y; j < kTile; j += kTileRows)
        if (column + j < m.columns && row + x < m.rows) out[(column + j) * m.out_column + row + x] = tile[x][j];
      __syncthreads();  // the tile may be overwritten
    }
  }
}

// The axis along which `a` is contiguous where `out` is so along the innermost one; -1 where there is none, or where a
// side is too short for tiles.
int transposed_axis(const Strided<2>& walk) {
  const int inner = walk.ndim - 1;
  if (walk.strides[0][inner] != 1 || walk.strides[1][inner] == 1 || walk.shape[inner] < kLeastSide) return -1;
  for (int axis = inner - 1; axis >= 0; --axis)
    if (walk.strides[1][axis] == 1) return walk.shape[axis] < kLeastSide ? -1 : axis;
  return -1;
}

template <class T>
void copy_transposed(Strided<2> walk, int axis) {
  const int inner = walk.ndim - 1;
  const Matrices m{walk.shape[inner], walk.shape[axis], walk.strides[0][axis], walk.strides[1][inner]};
  walk.drop_axis(inner);
  walk.drop_axis(axis);                   // what is left are the planes
  constexpr int64_t kMostPlanes = 65535;  // of a grid's second dimension
  const int64_t tiles = ceil_div(m.rows, kTile) * ceil_div(m.columns, kTile);
  const dim3 grid(blocks_for(tiles, 1), static_cast<unsigned>(std::min(walk.size, kMostPlanes)));
  enqueue(turn_over<T>, grid, kThreads)(walk, m);
}

// The same dtype: elements of 1, 2, 4 or 8 bytes, whatever they mean.
void move(In a, Out out) {
  if (out.size() == 0 || a.data == out.data) return;  // the same view: there is no other overlap to handle
  const Strided<2> walk(out, a);
  if (walk.is_dense(0) && walk.is_dense(1)) {
    const auto bytes = static_cast<size_t>(walk.size * itemsize(out.dtype));
    return check_cuda(cudaMemcpyAsync(walk.base[0], walk.base[1], bytes, cudaMemcpyDeviceToDevice, current_stream()),
                      "copying");
  }
  by_size(itemsize(out.dtype), [&](auto type) {
    using T = TypeOf<decltype(type)>;
    const int axis = transposed_axis(walk);
    axis < 0 ? elementwise<T, T>(Same{}, out, a) : copy_transposed<T>(walk, axis);
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
