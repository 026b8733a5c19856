// An array seen as rows along its last axis, and how threads share a row: what the kernels that work row by row use.
//
// A row is shared by 1, 8 or 32 threads of a warp, or by a block. Where its elements lie side by side and are aligned,
// threads fetch 16 bytes at a time. What fits is held in registers between the passes over a row, so that it comes from
// memory once; longer rows are fetched anew, mostly from cache. Rows that lie side by side (a reduction over an axis
// other than the last) take a thread each, so that neighbouring threads read neighbouring elements.
#pragma once

#include "core/row_axes.h"
#include "cuda/block_reduce.h"
#include "cuda/strided.h"

namespace pe::cuda {

// Row r of an array of any strides.
template <class T>
struct Rows : RowAxes {
  explicit Rows(const Array& a) : Rows(a, a.ndim > 0 ? a.ndim - 1 : 0) {
    if (a.ndim == 0) return;
    length = a.shape[a.ndim - 1];
    stride = a.strides[a.ndim - 1];
  }

  // Each element as a row: what stands beside the rows of another array.
  static Rows elements(const Array& a) { return Rows(a, a.ndim); }

  __device__ T* operator[](int64_t row) const {
    int64_t offset = 0;
#pragma unroll 1
    for (int i = axes - 1; i > 0; --i) {
      // Division by a multiplication that is off by one at most, then corrected: a GPU divides 64-bit integers by a
      // function of some hundred instructions.
      int64_t rest = static_cast<int64_t>(static_cast<double>(row) * inverse[i]), here = row - rest * shape[i];
      if (here < 0) --rest, here += shape[i];
      if (here >= shape[i]) ++rest, here -= shape[i];
      offset += here * strides[i];
      row = rest;
    }
    return data + offset + (axes > 0 ? row * strides[0] : 0);
  }

  bool side_by_side() const { return axes > 0 && strides[axes - 1] == 1 && shape[axes - 1] >= 32; }

  // Whether every row can be walked 16 bytes at a time.
  bool in_vectors() const {
    constexpr int64_t kN = 16 / sizeof(T);
    bool all = stride == 1 && length % kN == 0 && is_aligned(data, 16);
    for (int i = 0; i < axes; ++i) all &= strides[i] % kN == 0;
    return all;
  }

  T* data;
  int64_t length = 1;             // elements of a row
  int64_t stride = 1;             // between two elements of a row
  double inverse[kMaxDims] = {};  // 1 / shape

 private:
  // Rows of one element along the first `outer` axes. Apart: every kernel's launch makes some.
  [[gnu::noinline]] Rows(const Array& a, int outer) : RowAxes(a, outer), data(a.as<T>()) {
    for (int i = 0; i < axes; ++i) inverse[i] = 1 / static_cast<double>(shape[i]);
  }
};

// How a row is shared: kThreads threads take kN elements at a time, and hold kPacks times as many (0: none).
template <int kThreads_, int kN_, int kPacks_>
struct Share {
  static constexpr int kThreads = kThreads_, kN = kN_, kPacks = kPacks_;
  static constexpr int kBlock = kThreads > 32 ? kThreads : 128;  // threads of a block
  static constexpr int kRows = kBlock / kThreads;                // rows of a block
  static constexpr int kResident = 512 / kBlock;                 // blocks at once on a multiprocessor, at least
  static constexpr int64_t kMost = kPacks == 0 ? INT64_MAX : kThreads * kN * kPacks;

  static unsigned blocks(int64_t rows) { return static_cast<unsigned>(ceil_div(rows, int64_t{kRows})); }

  // The row that a thread works on. Threads past the last row work on that one too, as shuffles need whole warps, and
  // keep nothing of it.
  __device__ static int64_t row() { return int64_t{blockIdx.x} * kRows + threadIdx.x / kThreads; }
  __device__ static int rank() { return static_cast<int>(threadIdx.x % kThreads); }
};

// Elements i, i + 1, … of a row, as many as are taken at a time.
template <class S, class T>
__device__ inline Pack<T, S::kN> get(const T* row, int64_t stride, int64_t i) {
  if constexpr (S::kN > 1) {
    return load_pack<S::kN>(row + i);
  } else {
    return {{row[i * stride]}};
  }
}
template <class S, class T>
__device__ inline void put(T* row, int64_t stride, int64_t i, const Pack<T, S::kN>& v) {
  if constexpr (S::kN > 1) {
    store_pack(row + i, v);
  } else {
    row[i * stride] = v.values[0];
  }
}

// The elements of one row that a thread has to do with.
template <class T, class S>
class Part {
 public:
  using Values = Pack<T, S::kN>;

  __device__ Part(const T* row, int64_t stride, int64_t length) : row_(row), stride_(stride), length_(length) {
    if constexpr (S::kPacks > 0) {
#pragma unroll
      for (int p = 0; p < S::kPacks; ++p)
        if (first(p) < length_) held_[p] = fetch(first(p));
    }
  }

  // f(i, v): v[0 … kN) are elements i, i + 1, … of the row.
  template <class F>
  __device__ void each(F f) const {
    if constexpr (S::kPacks > 0) {
#pragma unroll
      for (int p = 0; p < S::kPacks; ++p)
        if (first(p) < length_) f(first(p), held_[p].values);
    } else {
      for (int64_t i = first(0); i < length_; i += S::kThreads * S::kN) f(i, fetch(i).values);
    }
  }

  // f(i, v, w): the elements of two rows of one length.
  template <class F>
  __device__ static void each(const Part& a, const Part& b, F f) {
    if constexpr (S::kPacks > 0) {
#pragma unroll
      for (int p = 0; p < S::kPacks; ++p)
        if (first(p) < a.length_) f(first(p), a.held_[p].values, b.held_[p].values);
    } else {
      for (int64_t i = first(0); i < a.length_; i += S::kThreads * S::kN) {
        const Values v = a.fetch(i), w = b.fetch(i);
        f(i, v.values, w.values);
      }
    }
  }

 private:
  __device__ static int64_t first(int p) { return (int64_t{p} * S::kThreads + S::rank()) * S::kN; }
  __device__ Values fetch(int64_t i) const { return get<S>(row_, stride_, i); }

  const T* row_;
  int64_t stride_, length_;
  Values held_[S::kPacks > 0 ? S::kPacks : 1];
};

// launch.template operator()<Share<…>>() with the share that suits `x`; `vectors`: all arrays are in_vectors().
template <class T, class Launch>
void by_share(const Rows<T>& x, bool vectors, const Launch& launch) {
  constexpr int kN = 16 / sizeof(T), kHeld = 128 / sizeof(T);  // elements of a vector, and what a thread can hold
  if (x.length <= 4 || (x.stride != 1 && x.side_by_side() && (x.count >= 4096 || x.length <= 64)))
    return launch.template operator()<Share<1, 1, 0>>();
  if (x.length <= 32) return launch.template operator()<Share<8, 1, 4>>();
  if (vectors && x.length <= Share<32, kN, kHeld / kN>::kMost)
    return launch.template operator()<Share<32, kN, kHeld / kN>>();
  if (x.length <= 256) return launch.template operator()<Share<32, 1, 8>>();
  if (vectors && x.length <= Share<256, kN, kHeld / kN>::kMost)
    return launch.template operator()<Share<256, kN, kHeld / kN>>();
  if (vectors) return launch.template operator()<Share<256, kN, 0>>();
  launch.template operator()<Share<256, 1, 0>>();
}

// The result of combining `v` of all threads that share a row, in a fixed tree; all of them get it.
template <class S, class V, class Combine>
__device__ inline V combine_all(V v, Combine combine) {
  if constexpr (S::kThreads > kWarp) {
    return block_reduce<S::kThreads>(v, combine);
  } else {
    return warp_reduce<S::kThreads>(v, combine);
  }
}

// Σ f(i, value) over the row, in every thread.
template <class T, class S, class F>
__device__ T sum_of(const Part<T, S>& part, F f) {
  T sum = 0;
  part.each([&](int64_t i, const T* v) {
#pragma unroll
    for (int j = 0; j < S::kN; ++j) sum += f(i + j, v[j]);
  });
  return combine_all<S>(sum, Plus{});
}

}  // namespace pe::cuda
