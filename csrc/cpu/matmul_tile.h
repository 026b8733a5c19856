// The register tile: c[M, W] (+)= a[M, k] · b[k, W], the only place where a matrix product spends its time.
//
// M·V vectors of c stay in registers for the whole sum; a step of k loads V vectors of b, broadcasts M numbers of a and
// does M·V multiply-adds: 2·M·W FLOP for M + W numbers loaded, so that the FMA units and not the loads set the pace.
// Two units of latency 4 want M·V >= 8 chains; the registers allow M·V + V + 1 <= kRegisters: 6×16 floats for AVX2.
// A width W that is no multiple of the lanes needs no mask: the last vector starts at W - lanes and overlaps the one
// before it, and both write the same values. Only W < lanes is left to the caller (matmul.cpp, store_edge).
#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include "core/vec.h"

namespace pe::gemm {

inline constexpr int MR = 6;
inline constexpr int NV = (kRegisters - 1) / (MR + 1);  // vectors in a packed row of b: 2, or 4 of 32 registers
template <class T>
inline constexpr int NR = NV * kLanes<T>;

// How many vectors wide a tile of M rows may be; more than 4 gain nothing.
inline constexpr int kMaxVectors = 4;
constexpr int max_vectors(int rows) {
  const int fit = (kRegisters - 1) / (rows + 1);
  return fit < kMaxVectors ? fit : kMaxVectors;
}

// a[i, p] = a[i * a_row + p * a_step]; b[p, j] = b[p * b_step + j].
template <class T>
struct Strips {
  int64_t k;
  const T* a;
  int64_t a_row, a_step;
  const T* b;
  int64_t b_step;
  T* panel = nullptr;  // of a keeping tile: takes b's strip, panel[p * NR + j]
};

// c[i, j] = c[i * row + j] takes act((accumulate ? c : 0) + sum + bias).
template <class T>
struct Result {
  T* c;
  int64_t row;
  int64_t width;
  const T* bias;  // of the tile's first column; nullptr: none
  bool accumulate;
  bool relu;
};

// A NaN is not <= 0 and stays.
template <class V>
inline V relu_of(V x) {
  return select(x <= V{}, V{}, x);
}

// A keeping tile packs b on its way: its stores cost nothing beside so many multiply-adds. What it reads is often not
// in the first-level cache yet, and rows of b that are far apart are not foreseen by the processor: it asks for them
// ahead.
template <class T, int M, int V, bool kPackedA, bool kKeep = false>
void tile(const Strips<T>& in, const Result<T>& to) {
  constexpr int L = kLanes<T>;
  const int64_t last = to.width - L;
  const auto column = [&](int j) { return j == V - 1 ? last : j * L; };
  const int64_t a_row = kPackedA ? 1 : in.a_row, a_step = kPackedA ? MR : in.a_step;
  const T* __restrict a = in.a;
  const T* __restrict b = in.b;
  [[maybe_unused]] T* __restrict panel = in.panel;
  T* c = to.c;
  for (int i = 0; i < M; ++i) __builtin_prefetch(c + i * to.row + last, 1);

  Vec<T> sum[M][V];
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < V; ++j) sum[i][j] = Vec<T>{};

#pragma GCC unroll 4
  for (int64_t p = 0; p < in.k; ++p) {
    Vec<T> row[V];
#pragma GCC unroll 8
    for (int j = 0; j < V - 1; ++j) row[j] = load(b + j * L);
    row[V - 1] = load(b + last);
    if constexpr (kKeep) {
      constexpr int64_t kAhead = 8;  // steps
#pragma GCC unroll 8
      for (int j = 0; j < V; ++j) {
        __builtin_prefetch(b + kAhead * in.b_step + j * L);
        store(panel + column(j), row[j]);
      }
      panel += NR<T>;
    }
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      const Vec<T> x = splat(a[i * a_row]);
#pragma GCC unroll 8
      for (int j = 0; j < V; ++j) sum[i][j] += x * row[j];
    }
    a += a_step;
    b += in.b_step;
  }

  if (to.accumulate) {
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i)
#pragma GCC unroll 8
      for (int j = 0; j < V; ++j) sum[i][j] += load(c + i * to.row + column(j));
  }
  if (to.bias) {
#pragma GCC unroll 8
    for (int j = 0; j < V; ++j) {
      const Vec<T> bias = load(to.bias + column(j));
#pragma GCC unroll 8
      for (int i = 0; i < M; ++i) sum[i][j] += bias;
    }
  }
  if (to.relu) {
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i)
#pragma GCC unroll 8
      for (int j = 0; j < V; ++j) sum[i][j] = relu_of(sum[i][j]);
  }
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < V; ++j) store(c + i * to.row + column(j), sum[i][j]);
}

template <class T>
using Tile = void (*)(const Strips<T>&, const Result<T>&);

template <class T, bool kPackedA, int M, int... Vs>
constexpr std::array<Tile<T>, kMaxVectors> tiles_of_rows(std::integer_sequence<int, Vs...>) {
  return {&tile<T, M, Vs + 1, kPackedA>...};
}

template <class T, bool kPackedA, int... Ms>
constexpr auto tiles(std::integer_sequence<int, Ms...>) {
  return std::array<std::array<Tile<T>, kMaxVectors>, MR>{
      tiles_of_rows<T, kPackedA, Ms + 1>(std::make_integer_sequence<int, max_vectors(Ms + 1)>{})...};
}

// kTiles<T, kPackedA>[rows - 1][vectors - 1]; nullptr where the registers do not suffice.
template <class T, bool kPackedA>
inline constexpr auto kTiles = tiles<T, kPackedA>(std::make_integer_sequence<int, MR>{});

template <class T, bool kPackedA, int... Vs>
constexpr std::array<Tile<T>, NV> keeping_tiles(std::integer_sequence<int, Vs...>) {
  return {&tile<T, MR, Vs + 1, kPackedA, true>...};
}

// kKeepingTiles<T, kPackedA>[vectors - 1], MR rows high.
template <class T, bool kPackedA>
inline constexpr auto kKeepingTiles = keeping_tiles<T, kPackedA>(std::make_integer_sequence<int, NV>{});

}  // namespace pe::gemm
