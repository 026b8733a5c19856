// A matrix as an operand of a product: its elements on their way from memory through registers to shared memory.
//
// Operands are seen as rows × steps of k, b transposed. Threads walk along the direction in which the matrix is
// contiguous, 16 bytes each where all vectors are aligned, element by element otherwise. What lies outside is 0.
#pragma once

#include <cstdint>

#include "cuda/gemm_tile.h"

namespace pe::gemm {

// kAlongK: neighbouring threads take neighbouring steps of a row, else neighbouring rows of a step.
template <class T_, bool kAlongK>
struct Matrix {
  using T = T_;
  const T* data;
  int64_t row_stride, k_stride;
  bool aligned;  // every vector that starts at a multiple of kVector along the walk, in one piece at 16 bytes

  template <int kRows, int BK, int kThreads>
  class Loader;
};

template <class T, bool kAlongK>
template <int kRows, int BK, int kThreads>
class Matrix<T, kAlongK>::Loader {
 public:
  struct Table {};  // nothing that threads share

  // Of all `rows` those from `first` on; steps from `k` on. `matrix` lies in shared memory and is read from there.
  __device__ Loader(const Matrix& matrix, Table&, int64_t first, int64_t rows, int64_t k) : matrix_(matrix) {
    const int64_t left = rows - first;
    rows_ = left < kRows ? static_cast<int>(left) : kRows;
    from_ = matrix.data + (first + row(0)) * matrix.row_stride + (k + step(0)) * matrix.k_stride;
  }

  // The next BK steps, of which `steps` exist, into registers; the loads are under way when this returns.
  __device__ void fetch(int steps) {
    const int64_t to_row = matrix_.row_stride, to_step = matrix_.k_stride;
    const bool whole = matrix_.aligned && (kAlongK ? steps == BK : rows_ == kRows);
#pragma unroll
    for (int piece = 0; piece < kPieces; ++piece) {
      const T* from = from_ + piece * kStride * (kAlongK ? to_row : to_step);
      if (whole && (kAlongK ? row(piece) < rows_ : step(piece) < steps)) {
        held_[piece] = load_pack<kVector<T>>(from);
        continue;
      }
#pragma unroll
      for (int i = 0; i < kVector<T>; ++i) {
        const bool inside = row(piece) + (kAlongK ? 0 : i) < rows_ && step(piece) + (kAlongK ? i : 0) < steps;
        held_[piece].values[i] = inside ? from[i * (kAlongK ? to_step : to_row)] : T(0);
      }
    }
    from_ += BK * to_step;
  }

  // What was fetched, to shared[BK][pitch].
  __device__ void put(T* shared) const {
#pragma unroll
    for (int piece = 0; piece < kPieces; ++piece) {
      T* to = shared + step(piece) * kPitch<T, kRows> + row(piece);
      if constexpr (kAlongK) {
#pragma unroll
        for (int i = 0; i < kVector<T>; ++i) to[i * kPitch<T, kRows>] = held_[piece].values[i];
      } else {
        store_pack(to, held_[piece]);
      }
    }
  }

 private:
  static constexpr int kAcross = (kAlongK ? BK : kRows) / kVector<T>;  // threads side by side along the walk
  static constexpr int kStride = kThreads / kAcross;                   // rows, or steps, from piece to piece
  static constexpr int kPieces = kRows * BK / kVector<T> / kThreads;
  static_assert(kThreads % kAcross == 0 && kRows * BK % (kVector<T> * kThreads) == 0);

  __device__ static int along() { return static_cast<int>(threadIdx.x) % kAcross * kVector<T>; }
  __device__ static int across(int piece) { return static_cast<int>(threadIdx.x) / kAcross + piece * kStride; }
  __device__ static int row(int piece) { return kAlongK ? across(piece) : along(); }
  __device__ static int step(int piece) { return kAlongK ? along() : across(piece); }

  const Matrix& matrix_;
  const T* from_;
  int rows_;
  Pack<T, kVector<T>> held_[kPieces];
};

}  // namespace pe::gemm
