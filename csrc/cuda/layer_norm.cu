// layer_norm: y = (a - mean) · rstd · weight + bias, mean and rstd = 1 / √(variance + eps) of each row; its gradient
// da = rstd · (h - mean(h) - x · mean(h · x)) with x = (a - mean) · rstd, h = grad · weight, and the sums over all rows
// dweight = Σ grad · x, dbias = Σ grad.
//
// 8 FLOP an element against 2 elements of memory: memory bound. A row that its threads can hold (rows.h) is read once.
// The gradient moves 5 elements: 3 along rows, which also leave mean and rstd of each, and 2 down columns, for which
// blocks of 32 columns × some rows leave partial sums that are then added in their order. Not done: sums over rows in
// registers while rows are at hand, which would save the second reading.
#include "kernels/layer_norm.h"

#include "cuda/rows.h"
#include "cuda/scratch.h"

namespace pe {

namespace {

using namespace cuda;

constexpr int kColumns = 32, kLanes = 8;               // of a block of partial sums; kLanes rows at a time
constexpr int64_t kMostBlocks = 128, kBlockRows = 64;  // down the rows

template <class T>
struct Column {  // weight or bias
  const T* data;
  int64_t stride;
  explicit Column(In a) : data(a.as<const T>()), stride(a.strides[0]) {}
  bool in_vectors() const { return stride == 1 && is_aligned(data, 16); }
};

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

// da; stats[row] = mean, rstd
template <class T, class S>
__global__ void __launch_bounds__(S::kBlock, S::kResident)
    backward_rows(Rows<const T> g, Rows<const T> x, Column<T> weight, double eps, Rows<T> dx, T* stats) {
  const int64_t r = S::row(), row = r < x.count ? r : x.count - 1, n = x.length;
  const Part<T, S> grad(g[row], g.stride, n), part(x[row], x.stride, n);
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
  if (r >= x.count) return;
  const T rstd = rstd_of(sums.squares, n, eps), count = static_cast<T>(n);
  const T mean_h = sums.h / count, slope = sums.hd / count * rstd * rstd;  // mean(h · x) · rstd
  if (S::rank() == 0) {
    stats[2 * row] = mean;
    stats[2 * row + 1] = rstd;
  }
  T* to = dx[row];
  Part<T, S>::each(grad, part, [&](int64_t i, const T* a, const T* v) {
    const auto w = get<S>(weight.data, weight.stride, i);
    Pack<T, S::kN> d;
#pragma unroll
    for (int j = 0; j < S::kN; ++j) d.values[j] = rstd * (a[j] * w.values[j] - mean_h - (v[j] - mean) * slope);
    put<S>(to, dx.stride, i, d);
  });
}

// partial[block of rows][column]: Σ grad · x, and Σ grad after all of these.
template <class T>
__global__ void __launch_bounds__(kColumns* kLanes)
    column_sums(Rows<const T> g, Rows<const T> x, const T* stats, int64_t block_rows, T* partial) {
  __shared__ T of_weight[kLanes][kColumns], of_bias[kLanes][kColumns];
  const int column = threadIdx.x % kColumns, lane = threadIdx.x / kColumns;
  const int64_t i = int64_t{blockIdx.x} * kColumns + column, n = x.length, begin = int64_t{blockIdx.y} * block_rows;
  const int64_t end = begin + block_rows < x.count ? begin + block_rows : x.count;
  T weight_sum = 0, bias_sum = 0;
  if (i < n)
    for (int64_t r = begin + lane; r < end; r += kLanes) {
      const T grad = g[r][i * g.stride];
      weight_sum += grad * ((x[r][i * x.stride] - stats[2 * r]) * stats[2 * r + 1]);
      bias_sum += grad;
    }
  of_weight[lane][column] = weight_sum;
  of_bias[lane][column] = bias_sum;
  __syncthreads();
  if (lane != 0 || i >= n) return;
  for (int other = 1; other < kLanes; ++other) {
    weight_sum += of_weight[other][column];
    bias_sum += of_bias[other][column];
  }
  partial[blockIdx.y * n + i] = weight_sum;
  partial[(gridDim.y + blockIdx.y) * n + i] = bias_sum;
}

template <class T>
__global__ void __launch_bounds__(128) add_partial(const T* partial, int64_t blocks, int64_t n, T* dweight,
                                                   int64_t weight_stride, T* dbias, int64_t bias_stride) {
  const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= n) return;
  T weight_sum = 0, bias_sum = 0;
  for (int64_t block = 0; block < blocks; ++block) {
    weight_sum += partial[block * n + i];
    bias_sum += partial[(blocks + block) * n + i];
  }
  dweight[i * weight_stride] = weight_sum;
  dbias[i * bias_stride] = bias_sum;
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
  const int64_t block_rows = std::max(kBlockRows, ceil_div(x.count, kMostBlocks)),
                blocks = ceil_div(x.count, block_rows);
  DeviceScratch<T> stats(2 * x.count), partial(2 * blocks * n);
  if (x.count > 0) {
    by_share(x, g.in_vectors() && x.in_vectors() && dx.in_vectors() && w.in_vectors(), [&]<class S>() {
      enqueue(backward_rows<T, S>, S::blocks(x.count), S::kBlock)(g, x, w, eps, dx, stats.data());
    });
    const dim3 grid(static_cast<unsigned>(ceil_div(n, int64_t{kColumns})), static_cast<unsigned>(blocks));
    enqueue(column_sums<T>, grid, kColumns * kLanes)(g, x, stats.data(), block_rows, partial.data());
  }
  enqueue(add_partial<T>, static_cast<unsigned>(ceil_div(n, int64_t{128})), 128)(
      partial.data(), blocks, n, dweight.as<T>(), dweight.strides[0], dbias.as<T>(), dbias.strides[0]);
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
