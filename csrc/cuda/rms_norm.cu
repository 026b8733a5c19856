// rms_norm: y = a · rstd · weight with rstd = 1 / √(mean(a²) + eps) of each row; its gradient, with h = grad · weight,
// da = rstd · h - a · rstd³ · mean(h · a), and the sum over all rows dweight = Σ grad · a · rstd.
//
// 4 FLOP an element against 2 elements of memory (gradient: 9 against 3): memory bound. A row that its threads can
// hold (rows.h) is read once. In the gradient a block takes some rows one after the other and adds up their part of
// dweight meanwhile; the blocks' sums are added in their order. Rows that are not held are read again for it, down the
// columns: 5 elements of memory.
#include "kernels/rms_norm.h"

#include "cuda/column_sums.h"
#include "cuda/scratch.h"

namespace pe {

namespace {

using namespace cuda;

template <class T, class S>
__global__ void __launch_bounds__(S::kBlock, S::kResident)
    forward_rows(Rows<const T> x, Column<T> weight, double eps, Rows<T> y, Rows<T> rstds) {
  const int64_t r = S::row(), row = r < x.count ? r : x.count - 1, n = x.length;
  const Part<T, S> part(x[row], x.stride, n);
  const T squares = sum_of(part, [](int64_t, T v) { return v * v; });
  const T rstd = T(1) / ::sqrt(squares / static_cast<T>(n) + static_cast<T>(eps));
  if (r >= x.count) return;
  T* to = y[row];
  if (S::rank() == 0) *rstds[row] = rstd;
  part.each([&](int64_t i, const T* v) {
    const auto w = get<S>(weight.data, weight.stride, i);
    Pack<T, S::kN> result;
#pragma unroll
    for (int j = 0; j < S::kN; ++j) result.values[j] = v[j] * rstd * w.values[j];
    put<S>(to, y.stride, i, result);
  });
}

// rstd³ · mean(h · a) of a row
template <class T, class S>
__device__ T slope_of(const Part<T, S>& grad, const Part<T, S>& part, Column<T> weight, int64_t n, T rstd) {
  T sum = 0;
  Part<T, S>::each(grad, part, [&](int64_t i, const T* a, const T* v) {
    const auto w = get<S>(weight.data, weight.stride, i);
#pragma unroll
    for (int j = 0; j < S::kN; ++j) sum += a[j] * w.values[j] * v[j];
  });
  return combine_all<S>(sum, Plus{}) / static_cast<T>(n) * (rstd * rstd * rstd);
}

template <class S, class T>
__device__ void put_da(T slope, T rstd, Column<T> weight, T* to, int64_t stride, int64_t i, const T* a, const T* v) {
  const auto w = get<S>(weight.data, weight.stride, i);
  Pack<T, S::kN> d;
#pragma unroll
  for (int j = 0; j < S::kN; ++j) d.values[j] = a[j] * w.values[j] * rstd - v[j] * slope;
  put<S>(to, stride, i, d);
}

// da, and the sums over the rows of a block: partial[block][column] of grad · a · rstd. Rows are held. A thread always
// has the same columns, so it adds them up in shared memory of its row's threads, and waits for nobody.
template <class T, class S>
__global__ void __launch_bounds__(S::kBlock, S::kResident)
    backward_held(Rows<const T> g, Rows<const T> x, Column<T> weight, Rows<const T> rstds, Rows<T> dx,
                  int64_t block_rows, T* partial) {
  DYN_SHARED(T, sums);  // [S::kRows][n]
  const int64_t n = x.length, begin = int64_t{blockIdx.x} * block_rows;
  const int64_t end = begin + block_rows < x.count ? begin + block_rows : x.count;
  T* own = sums + threadIdx.x / S::kThreads * n;
  for (int64_t i = S::rank() * S::kN; i < n; i += S::kThreads * S::kN)
    for (int j = 0; j < S::kN; ++j) own[i + j] = T(0);
  for (int64_t first = begin; first < end; first += S::kRows) {
    const int64_t r = first + threadIdx.x / S::kThreads, row = r < end ? r : end - 1;
    const Part<T, S> grad(g[row], g.stride, n), part(x[row], x.stride, n);
    const T rstd = *rstds[row], slope = slope_of(grad, part, weight, n, rstd);
    if (r >= end) break;  // the last rows
    T* to = dx[row];
    Part<T, S>::each(grad, part, [&](int64_t i, const T* a, const T* v) {
      put_da<S>(slope, rstd, weight, to, dx.stride, i, a, v);
      auto sum = get<S>(own, 1, i);
#pragma unroll
      for (int j = 0; j < S::kN; ++j) sum.values[j] += a[j] * (v[j] * rstd);
      put<S>(own, 1, i, sum);
    });
  }
  __syncthreads();
  for (int64_t i = threadIdx.x; i < n; i += S::kBlock) {
    T sum = 0;
    for (int row = 0; row < S::kRows; ++row) sum += sums[row * n + i];
    partial[blockIdx.x * n + i] = sum;
  }
}

// da, where rows are not held
template <class T, class S>
__global__ void __launch_bounds__(S::kBlock, S::kResident)
    backward_rows(Rows<const T> g, Rows<const T> x, Column<T> weight, Rows<const T> rstds, Rows<T> dx) {
  const int64_t r = S::row(), row = r < x.count ? r : x.count - 1, n = x.length;
  const Part<T, S> grad(g[row], g.stride, n), part(x[row], x.stride, n);
  const T rstd = *rstds[row], slope = slope_of(grad, part, weight, n, rstd);
  if (r >= x.count) return;
  T* to = dx[row];
  Part<T, S>::each(grad, part,
                   [&](int64_t i, const T* a, const T* v) { put_da<S>(slope, rstd, weight, to, dx.stride, i, a, v); });
}

// partial as above, where rows are not held.
template <class T>
__global__ void __launch_bounds__(kColumns* kLanes)
    column_sums(Rows<const T> g, Rows<const T> x, Rows<const T> rstds, int64_t block_rows, T* partial) {
  const int64_t i = int64_t{blockIdx.x} * kColumns + threadIdx.x % kColumns, n = x.length;
  const int64_t begin = int64_t{blockIdx.y} * block_rows;
  const int64_t end = begin + block_rows < x.count ? begin + block_rows : x.count;
  const int lane = threadIdx.x / kColumns;
  T sum = 0;
  if (i < n)
    for (int64_t r = begin + lane; r < end; r += kLanes) sum += g[r][i * g.stride] * (x[r][i * x.stride] * *rstds[r]);
  sum = sum_of_lanes(sum);
  if (lane == 0 && i < n) partial[blockIdx.y * n + i] = sum;
}

template <class T>
__global__ void __launch_bounds__(kColumns* kLanes)
    add_partial(const T* partial, int64_t blocks, int64_t n, T* dweight, int64_t stride) {
  const int64_t i = int64_t{blockIdx.x} * kColumns + threadIdx.x % kColumns;
  const int lane = threadIdx.x / kColumns;
  T sum = 0;
  if (i < n)
    for (int64_t block = lane; block < blocks; block += kLanes) sum += partial[block * n + i];
  sum = sum_of_lanes(sum);
  if (lane == 0 && i < n) dweight[i * stride] = sum;
}

template <class T>
void forward(In a, In weight, double eps, Out out, Out rstd) {
  const Rows<const T> x(a);
  const Rows<T> y(out), rstds = Rows<T>::elements(rstd);
  const Column<T> w(weight);
  if (x.count == 0) return;
  by_share(x, x.in_vectors() && y.in_vectors() && w.in_vectors(),
           [&]<class S>() { enqueue(forward_rows<T, S>, S::blocks(x.count), S::kBlock)(x, w, eps, y, rstds); });
}

template <class T>
void backward(In grad, In a, In weight, In rstd, Out da, Out dweight) {
  const Rows<const T> g(grad), x(a), rstds = Rows<const T>::elements(rstd);
  const Rows<T> dx(da);
  const Column<T> w(weight);
  const int64_t n = x.length;
  if (n == 0) return;
  const int64_t block_rows = std::max(kBlockRows, ceil_div(x.count, kMostBlocks));
  const auto blocks = static_cast<unsigned>(ceil_div(x.count, block_rows));
  DeviceScratch<T> partial(blocks * n);
  const auto run = [&]<class S>() {
    if constexpr (S::kPacks > 0) {
      const size_t shared = sizeof(T) * static_cast<size_t>(S::kRows * n);
      enqueue(backward_held<T, S>, blocks, S::kBlock, shared)(g, x, w, rstds, dx, block_rows, partial.data());
    } else {
      enqueue(backward_rows<T, S>, S::blocks(x.count), S::kBlock)(g, x, w, rstds, dx);
      enqueue(column_sums<T>, dim3(column_blocks(n), blocks), kColumns * kLanes)(g, x, rstds, block_rows,
                                                                                 partial.data());
    }
  };
  if (x.count > 0) by_share(x, g.in_vectors() && x.in_vectors() && dx.in_vectors() && w.in_vectors(), run);
  enqueue(add_partial<T>, column_blocks(n), kColumns * kLanes)(partial.data(), blocks, n, dweight.as<T>(),
                                                               dweight.strides[0]);
}

}  // namespace

void rms_norm(In a, In weight, double eps, Out out, Out rstd) {
  a.dtype == DType::f32 ? forward<float>(a, weight, eps, out, rstd) : forward<double>(a, weight, eps, out, rstd);
}

void rms_norm_backward(In grad, In a, In weight, In rstd, Out da, Out dweight) {
  a.dtype == DType::f32 ? backward<float>(grad, a, weight, rstd, da, dweight)
                        : backward<double>(grad, a, weight, rstd, da, dweight);
}

}  // namespace pe
