// Few rows times a transposed matrix: dot products along k, with nothing packed.
//
// Where k is contiguous in both operands, a vector holds neighbouring terms of one sum instead of one term of
// neighbouring sums. Nothing needs to be turned over, which for few rows would cost more than the product itself: a
// layer y = x · Wᵀ of one example reads W once, in order. The price is a sum over the lanes of each result, so that k
// must be long against it.
#pragma once

#include <algorithm>
#include <utility>

#include "core/parallel.h"
#include "core/vec.h"
#include "cpu/matmul_blocks.h"
#include "cpu/shuffle.h"

namespace pe::gemm {

inline constexpr int kDotRows = 2, kDotColumns = 4;  // dot products at once: 8 sums, 6 vectors loaded for 8 FMAs
inline constexpr int kDotVectors = 2;                // of k, at least: below, summing over lanes is most of the work
inline constexpr int kDotFew = 8;                    // rows or columns, at most: more are worth packing for

// sums[i * kDotColumns + j] = dot(a + i * a_row, b + j * b_col) for M·N of them, k >= kLanes.
template <class T, int M, int N>
void dots(int64_t k, const T* a, int64_t a_row, const T* b, int64_t b_col, T* sums) {
  constexpr int L = kLanes<T>;
  Vec<T> sum[M][N];
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < N; ++j) sum[i][j] = Vec<T>{};

  const auto step = [&](int64_t p, auto masked) {
    Vec<T> x[M];
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) x[i] = masked(load(a + i * a_row + p));
#pragma GCC unroll 8
    for (int j = 0; j < N; ++j) {
      const Vec<T> y = masked(load(b + j * b_col + p));
#pragma GCC unroll 8
      for (int i = 0; i < M; ++i) sum[i][j] += x[i] * y;
    }
  };
  const int64_t whole = k / L * L;
  for (int64_t p = 0; p < whole; p += L) step(p, [](Vec<T> v) { return v; });
  if (whole < k) {
    // The last vector ends at k; what it shares with the one before counts as 0 · 0.
    Vec<T> lane;
    for (int l = 0; l < L; ++l) lane[l] = static_cast<T>(l);
    const auto fresh = lane >= splat(static_cast<T>(L - (k - whole)));
    step(k - L, [&](Vec<T> v) { return select(fresh, v, Vec<T>{}); });
  }
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < N; ++j) sums[i * kDotColumns + j] = sum_everywhere<T>(sum[i][j])[0];
}

template <class T>
bool dots_suit(const Product<T>& x) {
  return x.a_col == 1 && x.b_row == 1 && x.k >= kDotVectors * kLanes<T> && std::min(x.m, x.n) <= kDotFew;
}

template <class T>
void multiply_dots(const Product<T>& x, bool parallel) {
  using Dots = void (*)(int64_t, const T*, int64_t, const T*, int64_t, T*);
  static constexpr Dots kDots[kDotRows][kDotColumns] = {
      {&dots<T, 1, 1>, &dots<T, 1, 2>, &dots<T, 1, 3>, &dots<T, 1, 4>},
      {&dots<T, 2, 1>, &dots<T, 2, 2>, &dots<T, 2, 3>, &dots<T, 2, 4>}};
  // The longer side gives the columns, which go by four and are shared out over the threads.
  const bool turn = x.m > x.n;
  struct Side {
    const T* data;
    int64_t count, stride, out;
  };
  Side few{x.a, x.m, x.a_row, x.c_row}, many{x.b, x.n, x.b_col, x.c_col};
  if (turn) std::swap(few, many);

  const auto columns = [&](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; j += kDotColumns)
      for (int64_t i = 0; i < few.count; i += kDotRows) {
        const int64_t wide = std::min<int64_t>(kDotColumns, end - j), high = std::min<int64_t>(kDotRows, few.count - i);
        T sums[kDotRows * kDotColumns];
        kDots[high - 1][wide - 1](x.k, few.data + i * few.stride, few.stride, many.data + j * many.stride, many.stride,
                                  sums);
        for (int64_t r = 0; r < high; ++r)
          for (int64_t s = 0; s < wide; ++s) {
            T& c = x.c[(i + r) * few.out + (j + s) * many.out];
            T y = sums[r * kDotColumns + s];
            if (x.accumulate) y += c;
            if (x.bias) y += x.bias[turn ? i + r : j + s];
            c = x.relu && y <= T{} ? T{} : y;
          }
      }
  };
  if (!parallel) return columns(0, many.count);
  const int64_t grain = std::max<int64_t>(1, kTaskFlops / 4 / (2 * few.count * x.k));  // memory, not FMAs, is the limit
  parallel_ranges(many.count, ceil_div(grain, kDotColumns) * kDotColumns, columns);
}

}  // namespace pe::gemm
