// What kernels on rows (rows.h) do down the columns: a vector with one element for each of them, and sums over rows.
//
// A block of kColumns × kLanes threads sums kColumns columns, kLanes rows at a time. Rows are cut into at most
// kMostBlocks blocks by their number alone, each with sums of its own, which add_partial adds in their order.
#pragma once

#include "cuda/rows.h"

namespace pe::cuda {

inline constexpr int kColumns = 32, kLanes = 8;
inline constexpr int64_t kMostBlocks = 512, kBlockRows = 16;

template <class T>
struct Column {
  const T* data;
  int64_t stride;
  explicit Column(const Array& a) : data(a.as<const T>()), stride(a.strides[0]) {}
  bool in_vectors() const { return stride == 1 && is_aligned(data, 16); }
};

// The sum over the lanes of a block of one column; in lane 0.
template <class T>
__device__ T sum_of_lanes(T sum) {
  __shared__ T lanes[kLanes][kColumns];
  const int column = threadIdx.x % kColumns, lane = threadIdx.x / kColumns;
  lanes[lane][column] = sum;
  __syncthreads();
  for (int other = 1; lane == 0 && other < kLanes; ++other) sum += lanes[other][column];
  __syncthreads();
  return sum;
}

inline unsigned column_blocks(int64_t columns) { return static_cast<unsigned>(ceil_div(columns, int64_t{kColumns})); }

}  // namespace pe::cuda
