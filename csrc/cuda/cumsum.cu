// cumsum: out[i] = a[0] + … + a[i] along rows; 1 addition an element against 2 elements of memory.
//
// A warp, or for long rows a block, takes a row a tile at a time: each thread adds up its own elements, the threads'
// totals are scanned by shuffles (Hillis, Steele, "Data parallel algorithms", 1986), and the tile's total is carried on
// to the next. Rows too few to fill a GPU are cut into pieces whose totals are known first, which reads them once more.
// Rows that lie side by side, and very short ones, take a thread each. The order of all sums depends on sizes only.
// int64 computes as uint64, whose overflow wraps.
#include "kernels/cumsum.h"

#include "cuda/by_dtype.h"
#include "cuda/rows.h"
#include "cuda/scratch.h"

namespace pe {

namespace {

using namespace cuda;

constexpr int64_t kPiece = 16384;   // elements
constexpr int64_t kFewBlocks = 64;  // so few do not fill a GPU

// The sum of `v` over the lanes before this one; `total` over all of them.
template <class T>
__device__ T sum_before(T v, T& total) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
#pragma unroll
  for (int distance = 1; distance < kWarp; distance *= 2) {
    const T other = __shfl_up_sync(kFullMask, v, distance);
    if (lane >= distance) v = other + v;
  }
  total = __shfl_sync(kFullMask, v, kWarp - 1);
  const T before = __shfl_up_sync(kFullMask, v, 1);
  return lane == 0 ? T(0) : before;
}

// The same over the threads of a block.
template <class T>
__device__ T sum_before_in_block(T v, T& total) {
  __shared__ T of_warp[kThreads / kWarp];
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  T warp_total;
  T before = sum_before(v, warp_total);
  if (threadIdx.x % kWarp == 0) of_warp[warp] = warp_total;
  __syncthreads();
  T start = 0;
  total = 0;
  for (int w = 0; w < kThreads / kWarp; ++w) {
    if (w == warp) start = total;
    total += of_warp[w];
  }
  __syncthreads();  // before the next tile writes
  return start + before;
}

template <class T>
__global__ void __launch_bounds__(kThreads) thread_rows(Rows<const T> x, Rows<T> y) {
  const int64_t r = grid_thread();
  if (r >= x.count) return;
  const T* from = x[r];
  T* to = y[r];
  T sum = 0;
  for (int64_t i = 0; i < x.length; ++i) to[i * y.stride] = sum += from[i * x.stride];
}

template <class T>
__global__ void __launch_bounds__(kThreads) warp_rows(Rows<const T> x, Rows<T> y) {
  const int64_t r = grid_thread() / kWarp;
  if (r >= x.count) return;
  const T* from = x[r];
  T* to = y[r];
  T carry = 0;
  for (int64_t base = 0; base < x.length; base += kWarp) {
    const int64_t i = base + threadIdx.x % kWarp;
    const T v = i < x.length ? from[i * x.stride] : T(0);
    T total;
    const T before = sum_before(v, total);
    if (i < x.length) to[i * y.stride] = carry + (before + v);
    carry += total;
  }
}

// A block takes the elements [begin, end) of row `row`.
struct Piece {
  int64_t row, begin, end;
  __device__ Piece(int64_t pieces, int64_t length)
      : row(blockIdx.x / pieces), begin((blockIdx.x - row * pieces) * kPiece) {
    end = pieces == 1 || begin + kPiece > length ? length : begin + kPiece;
  }
};

template <class T>
__global__ void __launch_bounds__(kThreads) piece_totals(Rows<const T> x, int64_t pieces, T* totals) {
  const Piece piece(pieces, x.length);
  const T* from = x[piece.row];
  T sum = 0;
  for (int64_t i = piece.begin + threadIdx.x; i < piece.end; i += kThreads) sum += from[i * x.stride];
  sum = block_reduce(sum, Plus{});
  if (threadIdx.x == 0) totals[blockIdx.x] = sum;
}

// starts[piece] = the sum of its row before it: a thread for each row.
template <class T>
__global__ void __launch_bounds__(kThreads) piece_starts(T* totals, int64_t rows, int64_t pieces) {
  const int64_t r = grid_thread();
  if (r >= rows) return;
  T sum = 0;
  for (int64_t piece = r * pieces; piece < (r + 1) * pieces; ++piece) {
    const T own = totals[piece];
    totals[piece] = sum;
    sum += own;
  }
}

// kN elements side by side a thread; as one access where kN > 1. starts: one a block, or nullptr.
template <class T, int kN, bool kPacked>
__global__ void __launch_bounds__(kThreads) block_rows(Rows<const T> x, Rows<T> y, int64_t pieces, const T* starts) {
  const Piece piece(pieces, x.length);
  const T* from = x[piece.row];
  T* to = y[piece.row];
  T carry = starts ? starts[blockIdx.x] : T(0);
  for (int64_t base = piece.begin; base < piece.end; base += kThreads * kN) {
    const int64_t i = base + static_cast<int64_t>(threadIdx.x) * kN;
    Pack<T, kN> v{};
    if constexpr (kPacked) {
      if (i < piece.end) v = load_pack<kN>(from + i);
    } else {
#pragma unroll
      for (int j = 0; j < kN; ++j)
        if (i + j < piece.end) v.values[j] = from[(i + j) * x.stride];
    }
#pragma unroll
    for (int j = 1; j < kN; ++j) v.values[j] += v.values[j - 1];
    T total;
    const T before = carry + sum_before_in_block(v.values[kN - 1], total);
#pragma unroll
    for (T& value : v.values) value += before;
    if constexpr (kPacked) {
      if (i < piece.end) store_pack(to + i, v);
    } else {
#pragma unroll
      for (int j = 0; j < kN; ++j)
        if (i + j < piece.end) to[(i + j) * y.stride] = v.values[j];
    }
    carry += total;
  }
}

template <class T>
void in_blocks(const Rows<const T>& x, const Rows<T>& y) {
  constexpr int kN = 16 / sizeof(T);
  const bool cut = x.count < kFewBlocks && x.length > 2 * kPiece;
  const int64_t pieces = cut ? ceil_div(x.length, kPiece) : 1;
  const auto blocks = static_cast<unsigned>(x.count * pieces);
  DeviceScratch<T> starts(cut ? blocks : 0);
  if (cut) {
    enqueue(piece_totals<T>, blocks, kThreads)(x, pieces, starts.data());
    enqueue(piece_starts<T>, 1, kThreads)(starts.data(), x.count, pieces);
  }
  const auto kernel = x.in_vectors() && y.in_vectors() ? block_rows<T, kN, true> : block_rows<T, kN, false>;
  enqueue(kernel, blocks, kThreads)(x, y, pieces, cut ? starts.data() : nullptr);
}

template <class T>
void cumsum_typed(In a, Out out) {
  const Rows<const T> x(a);
  const Rows<T> y(out);
  if (x.count == 0 || x.length == 0) return;
  const auto blocks = [&](int64_t threads) { return static_cast<unsigned>(ceil_div(x.count * threads, kThreads)); };
  if (x.length <= 8 || (x.stride != 1 && x.side_by_side() && (x.count >= 4096 || x.length <= 64)))
    return enqueue(thread_rows<T>, blocks(1), kThreads)(x, y);
  if (x.length <= 512) return enqueue(warp_rows<T>, blocks(kWarp), kThreads)(x, y);
  in_blocks(x, y);
}

}  // namespace

void cumsum(In a, Out out) {
  by_number("cumsum", a.dtype, [&](auto type) { cumsum_typed<TypeOf<decltype(type)>>(a, out); });
}

}  // namespace pe
