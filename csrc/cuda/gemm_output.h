// Where the sums of a product go: bias and activation are applied to them in registers.
#pragma once

#include <cstdint>

#include "cuda/gemm_tile.h"

namespace pe::gemm {

// How far column j of a result lies from column 0.
struct EvenColumns {
  int64_t stride;
  __host__ __device__ int64_t operator()(int64_t j) const { return j * stride; }
};

// out[i, j] = act((accumulate ? out[i, j] : 0) + sum + bias[i · bias_row + j · bias_column]); bias may be nullptr.
template <class T, class Columns>
struct Output {
  T* data;
  int64_t row_stride;
  Columns columns;
  bool aligned;  // kVector columns from a multiple of kVector on lie side by side, at 16 bytes
  const T* bias;
  int64_t bias_row, bias_column;
  bool relu;
  bool accumulate;

  template <class Accumulate>
  __device__ T finish(Accumulate sum, int64_t row, int64_t column) const {
    if (accumulate) sum += static_cast<Accumulate>(data[row * row_stride + columns(column)]);
    if (bias) sum += static_cast<Accumulate>(bias[row * bias_row + column * bias_column]);
    return static_cast<T>(relu && sum <= Accumulate(0) ? Accumulate(0) : sum);  // a NaN stays
  }

  template <class Accumulate>
  __device__ void put(Accumulate sum, int64_t row, int64_t column) const {
    data[row * row_stride + columns(column)] = finish(sum, row, column);
  }

  // kVector sums of a row from `column`, a multiple of kVector, on; those from column n on are no part of the result.
  template <class Accumulate>
  __device__ void put_run(const Accumulate* sums, int64_t row, int64_t column, int64_t n) const {
    if (!aligned || column + kVector<T> > n) {
#pragma unroll
      for (int i = 0; i < kVector<T>; ++i)
        if (column + i < n) put(sums[i], row, column + i);
      return;
    }
    Pack<T, kVector<T>> pack;
#pragma unroll
    for (int i = 0; i < kVector<T>; ++i) pack.values[i] = finish(sums[i], row, column + i);
    store_pack(data + row * row_stride + columns(column), pack);
  }
};

}  // namespace pe::gemm
