// layer_norm: y = (a - mean) · rstd · weight + bias, mean and rstd = 1 / √(variance + eps) of each row; its gradient
// da = rstd · (h - mean(h) - x · mean(h · x)) with x = (a - mean) · rstd, h = grad · weight, and the sums over all rows
// dweight = Σ grad · x, dbias = Σ grad.
//
// 8 FLOP an element against 2 elements of memory (gradient: 16 against 3): memory bound. A row that its threads can
// hold (rows.h) is read once. In the gradient a block takes some rows one after the other and adds up their part of
// dweight and dbias meanwhile; the blocks' sums are added in their order. Rows that are not held are read again for
// them, down the columns: 5 elements of memory.
#include "kernels/layer_norm.h"

#include "cuda/column_sums.h"
#include "cuda/scratch.h"

namespace pe {

namespace {

using namespace cuda;

template <class T>
__device__ T rstd_of(T squares, int64_t n, double eps) {
  return T(1) / ::sqrt(squares / static_cast<T>(n) + static_cast<T>(eps));
}

template <class T, class S>
__global__ void __launch_bounds__(S::kBlock, S::kResident)
    forward_rows(Rows<const T> x, Column<T> weight, Column<T> bias, double eps, Rows<T> y, Rows<T> rstds) {
  const int64_t r = S::row(), row = r < x.count ? r : x.count - 1, n = x.length;
  const Part<T, S> part(x[row], x.stride, n);
  const T mean = sum_of(part, [](int64_t, T v) { return v; }) / static_cast<T>(n);
  const T rstd = rstd_of(sum_of(part, [=](int64_t, T v) { return (v - mean) * (v - mean); }), n, eps);
  if (r >= x.count) return;
  T* to = y[row];
  if (S::rank() == 0) *rstds[row] = rstd;
  part.each([&](int64_t i, const T* v) {
    const auto w = get<S>(weight.data, weight.stride, i), b = get<S>(bias.data, bias.stride, i);
    Pack<T, S::kN> result;
#pragma unroll
    for (int j = 0; j < S::kN; ++j) result.values[j] = (v[j] - mean) * rstd * w.values[j] + b.values[j];
    put<S>(to, y.stride, i, result);
  });
}

template <class T>
struct Sums {
  T squares, h, hd;  // of d = a - mean, h, h · d
};
struct AddSums {
  template <class T>
  __device__ Sums<T> operator()(Sums<T> a, Sums<T> b) const {
    return {a.squares + b.squares, a.h + b.h, a.hd + b.hd};
  }
};

// What da of a row takes beside its elements.
template <class T>
struct Slopes {
  T mean, rstd, mean_h, slope;  // slope = mean(h · x) · rstd
};

template <class T, class S>
__device__ Slopes<T> slopes_of(const Part<T, S>& grad, const Part<T, S>& part, Column<T> weight, int64_t n,
                               double eps) {
  const T mean = sum_of(part, [](int64_t, T v) { return v; }) / static_cast<T>(n);
  Sums<T> sums{};
  Part<T, S>::each(grad, part, [&](int64_t i, const T* a, const T* v) {
    const auto w = get<S>(weight.data, weight.stride, i);
#pragma unroll
    for (int j = 0; j < S::kN; ++j) {
      const T d = v[j] - mean, h = a[j] * w.values[j];
      sums = {sums.squares + d * d, sums.h + h, sums.hd + h * d};
    }
  });
  sums = combine_all<S>(sums, AddSums{});
  const T rstd = rstd_of(sums.squares, n, eps), count = static_cast<T>(n);
  return {mean, rstd, sums.h / count, sums.hd / count * rstd * rstd};
}

template <class S, class T>
__device__ void put_da(const Slopes<T>& s, Column<T> weight, T* to, int64_t stride, int64_t i, const T* a, const T* v) {
  const auto w = get<S>(weight.data, weight.stride, i);
  Pack<T, S::kN> d;
#pragma unroll
  for (int j = 0; j < S::kN; ++j) d.values[j] = s.rstd * (a[j] * w.values[j] - s.mean_h - (v[j] - s.mean) * s.slope);
  put<S>(to, stride, i, d);
}

// da, and the sums over the rows of a block: partial[block][column] of grad · x, then of grad. Rows are held. A thread
// always has the same columns, so it adds them up in shared memory of its row's threads, and waits for nobody.
template <class T, class S>
__global__ void __launch_bounds__(S::kBlock, S::kResident)
    backward_held(Rows<const T> g, Rows<const T> x, Column<T> weight, double eps, Rows<T> dx, int64_t block_rows,
                  T* partial) {
  DYN_SHARED(T, sums);  // [S::kRows][2 · n]
  const int64_t n = x.length, begin = int64_t{blockIdx.x} * block_rows;
  const int64_t end = begin + block_rows < x.count ? begin + block_rows : x.count;
  T* own = sums + threadIdx.x / S::kThreads * 2 * n;
  for (int64_t i = S::rank() * S::kN; i < n; i += S::kThreads * S::kN)
    for (int j = 0; j < S::kN; ++j) own[i + j] = own[n + i + j] = T(0);
  for (int64_t first = begin; first < end; first += S::kRows) {
    const int64_t r = first + threadIdx.x / S::kThreads, row = r < end ? r : end - 1;
    const Part<T, S> grad(g[row], g.stride, n), part(x[row], x.stride, n);
    const Slopes<T> slopes = slopes_of(grad, part, weight, n, eps);
    if (r >= end) break;  // the last rows
    T* to = dx[row];
    Part<T, S>::each(grad, part, [&](int64_t i, const T* a, const T* v) {
      put_da<S>(slopes, weight, to, dx.stride, i, a, v);
      auto of_weight = get<S>(own, 1, i), of_bias = get<S>(own + n, 1, i);
#pragma unroll
      for (int j = 0; j < S::kN; ++j) {
        of_weight.values[j] += a[j] * ((v[j] - slopes.mean) * slopes.rstd);
        of_bias.values[j] += a[j];
      }
      put<S>(own, 1, i, of_weight);
      put<S>(own + n, 1, i, of_bias);
    });
  }
  __syncthreads();
  for (int64_t i = threadIdx.x; i < 2 * n; i += S::kBlock) {
    T sum = 0;
    for (int row = 0; row < S::kRows; ++row) sum += sums[row * 2 * n + i];
    partial[blockIdx.x * 2 * n + i] = sum;
  }
}

// da, where rows are not held; stats[row] = mean, rstd
template <class T, class S>
__global__ void __launch_bounds__(S::kBlock, S::kResident)
    backward_rows(Rows<const T> g, Rows<const T> x, Column<T> weight, double eps, Rows<T> dx, T* stats) {
  const int64_t r = S::row(), row = r < x.count ? r : x.count - 1, n = x.length;
  const Part<T, S> grad(g[row], g.stride, n), part(x[row], x.stride, n);
  const Slopes<T> slopes = slopes_of(grad, part, weight, n, eps);
  if (r >= x.count) return;
  if (S::rank() == 0) {
    stats[2 * row] = slopes.mean;
    stats[2 * row + 1] = slopes.rstd;
  }
  T* to = dx[row];
  Part<T, S>::each(grad, part,
                   [&](int64_t i, const T* a, const T* v) { put_da<S>(slopes, weight, to, dx.stride, i, a, v); });
}

// partial as above, where rows are not held.
template <class T>
__global__ void __launch_bounds__(kColumns* kLanes)
    column_sums(Rows<const T> g, Rows<const T> x, const T* stats, int64_t block_rows, T* partial) {
  const int64_t i = int64_t{blockIdx.x} * kColumns + threadIdx.x % kColumns, n = x.length;
  const int64_t begin = int64_t{blockIdx.y} * block_rows;
  const int64_t end = begin + block_rows < x.count ? begin + block_rows : x.count;
  const int lane = threadIdx.x / kColumns;
  T weight_sum = 0, bias_sum = 0;
  if (i < n)
    for (int64_t r = begin + lane; r < end; r += kLanes) {
      const T grad = g[r][i * g.stride];
      weight_sum += grad * ((x[r][i * x.stride] - stats[2 * r]) * stats[2 * r + 1]);
      bias_sum += grad;
    }
  weight_sum = sum_of_lanes(weight_sum);
  bias_sum = sum_of_lanes(bias_sum);
  if (lane != 0 || i >= n) return;
  partial[blockIdx.y * 2 * n + i] = weight_sum;
  partial[blockIdx.y * 2 * n + n + i] = bias_sum;
}

template <class T>
__global__ void __launch_bounds__(kColumns* kLanes) add_partial(const T* partial, int64_t blocks, int64_t n, T* dweight,
                                                                int64_t weight_stride, T* dbias, int64_t bias_stride) {
  const int64_t i = int64_t{blockIdx.x} * kColumns + threadIdx.x % kColumns;
  const int lane = threadIdx.x / kColumns;
  T sum = 0;
  if (i < 2 * n)
    for (int64_t block = lane; block < blocks; block += kLanes) sum += partial[block * 2 * n + i];
  sum = sum_of_lanes(sum);
  if (lane != 0 || i >= 2 * n) return;
  (i < n ? dweight[i * weight_stride] : dbias[(i - n) * bias_stride]) = sum;
}

template <class T>
void forward(In a, In weight, In bias, double eps, Out out, Out rstd) {
  const Rows<const T> x(a);
  const Rows<T> y(out), rstds = Rows<T>::elements(rstd);
  const Column<T> w(weight), b(bias);
  if (x.count == 0) return;
  by_share(x, x.in_vectors() && y.in_vectors() && w.in_vectors() && b.in_vectors(),
           [&]<class S>() { enqueue(forward_rows<T, S>, S::blocks(x.count), S::kBlock)(x, w, b, eps, y, rstds); });
}

template <class T>
void backward(In grad, In a, In weight, double eps, Out da, Out dweight, Out dbias) {
  const Rows<const T> g(grad), x(a);
  const Rows<T> dx(da);
  const Column<T> w(weight);
  const int64_t n = x.length;
  if (n == 0) return;
  const int64_t block_rows = std::max(kBlockRows, ceil_div(x.count, kMostBlocks));
  const auto blocks = static_cast<unsigned>(ceil_div(x.count, block_rows));
  DeviceScratch<T> partial(2 * blocks * n);
  const auto run = [&]<class S>() {
    if constexpr (S::kPacks > 0) {
      const size_t shared = sizeof(T) * static_cast<size_t>(S::kRows * 2 * n);
      enqueue(backward_held<T, S>, blocks, S::kBlock, shared)(g, x, w, eps, dx, block_rows, partial.data());
    } else {
      DeviceScratch<T> stats(2 * x.count);
      enqueue(backward_rows<T, S>, S::blocks(x.count), S::kBlock)(g, x, w, eps, dx, stats.data());
      enqueue(column_sums<T>, dim3(column_blocks(n), blocks), kColumns * kLanes)(g, x, stats.data(), block_rows,
                                                                                 partial.data());
    }
  };
  if (x.count > 0) by_share(x, g.in_vectors() && x.in_vectors() && dx.in_vectors() && w.in_vectors(), run);
  enqueue(add_partial<T>, column_blocks(2 * n), kColumns * kLanes)(partial.data(), blocks, n, dweight.as<T>(),
                                                                   dweight.strides[0], dbias.as<T>(), dbias.strides[0]);
}

}  // namespace

void layer_norm(In a, In weight, In bias, double eps, Out out, Out rstd) {
  a.dtype == DType::f32 ? forward<float>(a, weight, bias, eps, out, rstd)
                        : forward<double>(a, weight, bias, eps, out, rstd);
}

void layer_norm_backward(In grad, In a, In weight, double eps, Out da, Out dweight, Out dbias) {
  a.dtype == DType::f32 ? backward<float>(grad, a, weight, eps, da, dweight, dbias)
                        : backward<double>(grad, a, weight, eps, da, dweight, dbias);
}

}  // namespace pe
