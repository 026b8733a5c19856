// Packing: copies a strip of a matrix so that the tile reads it in one straight walk.
//
// A panel is W rows of a (W = MR) or W columns of b (W = NR), k steps deep: panel[p * W + i] = source[i * lane + p *
// step]. It serves either operand in any layout: `lane` is the stride across the panel, `step` the stride along k.
// Where k is contiguous the panel is a transpose, done L×L in registers. Behind fewer than W valid lanes comes anything
// finite or not: the tile stores nothing of it. Nothing outside the source is read; up to kLanes - 1 elements behind
// the panel are written (panel_size counts them in).
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "core/vec.h"

namespace pe::gemm {

// In elements: whole cache lines, an odd number of them, so that neighbouring panels do not compete for the same places
// of a cache.
template <class T, int W>
constexpr int64_t panel_size(int64_t k) {
  constexpr int64_t kLine = 64 / sizeof(T);
  return ((W * k + (W < kLanes<T> ? kLanes<T> : 0) + kLine - 1) / kLine | 1) * kLine;
}

// Two rows become two rows whose groups of `G` elements alternate. Within = the span that an instruction shuffles at
// once: 16 bytes for small groups, the whole vector for larger ones.
template <class T, int G, int kHalf, int... I>
inline Vec<T> interleave(Vec<T> a, Vec<T> b, std::integer_sequence<int, I...>) {
  constexpr int L = kLanes<T>;
  constexpr int kUnit = 16 / sizeof(T);
  // Small groups: the low (or high) half of each unit of a, each group followed by b's.
  // Units: the bit G of the lane number chooses between a and b, kHalf which of the two halves is taken.
  constexpr auto source = [](int lane) {
    if (G < kUnit) {
      const int unit = lane / kUnit * kUnit, in = lane % kUnit, group = in / G;
      const int from = unit + kHalf * (kUnit / 2) + group / 2 * G + in % G;
      return group % 2 ? L + from : from;
    }
    const int from = (lane & ~G) | (kHalf ? G : 0);
    return lane & G ? L + from : from;
  };
  return __builtin_shufflevector(a, b, source(I)...);
}

// r[i][j] becomes r[j][i] in log2(L) rounds; round G exchanges rows whose numbers differ in bit G.
template <class T, int G = 1>
inline void transpose_rounds(Vec<T>* r) {
  constexpr int L = kLanes<T>;
  if constexpr (G < L) {
    constexpr auto lanes = std::make_integer_sequence<int, L>{};
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i) {
      if (i & G) continue;
      const Vec<T> low = interleave<T, G, 0>(r[i], r[i + G], lanes);
      const Vec<T> high = interleave<T, G, 1>(r[i], r[i + G], lanes);
      r[i] = low;
      r[i + G] = high;
    }
    transpose_rounds<T, 2 * G>(r);
  }
}

// Which column of the source transpose_rounds leaves in register i: the rounds inside a 16-byte unit reverse its bits.
template <class T>
constexpr int transposed_row(int i) {
  return sizeof(T) == 4 ? (i & ~3) | (i & 1) << 1 | (i & 2) >> 1 : i;
}

// panel[p * W + offset + i] for L lanes and L steps of k, from rows that are contiguous along k.
template <class T, int W>
inline void pack_transposed(const T* const* rows, int64_t p, T* panel) {
  constexpr int L = kLanes<T>;
  Vec<T> r[L];
#pragma GCC unroll 16
  for (int i = 0; i < L; ++i) r[i] = load(rows[i] + p);
  transpose_rounds<T>(r);
  // Ascending steps: where W < L a store spills into the next row of the panel, which is written after it.
#pragma GCC unroll 16
  for (int i = 0; i < L; ++i) store(panel + (p + i) * W, r[transposed_row<T>(i)]);
}

// How many of `columns` begin a panel that pack_rows may make: it reads whole vectors.
template <class T, int W>
constexpr int64_t row_panels(int64_t columns) {
  constexpr int64_t kRead = std::max(W, kLanes<T>);
  return columns < kRead ? 0 : (columns - kRead) / W + 1;
}

// Panels side by side, `size` apart, of a matrix whose rows are contiguous: each row is read once and dealt out to
// them. Panel by panel, every step would touch another page.
template <class T, int W>
void pack_rows(const T* source, int64_t step, int64_t panels, int64_t k, T* panel, int64_t size) {
  constexpr int L = kLanes<T>;
  for (int64_t p = 0; p < k; ++p)
    for (int64_t q = 0; q < panels; ++q)
#pragma GCC unroll 4
      for (int first = 0; first < W; first += L) {
        const int i = W < L ? 0 : std::min(first, W - L);
        store(panel + q * size + p * W + i, load(source + p * step + q * W + i));
      }
}

template <class T, int W>
void pack_panel(const T* source, int64_t lane, int64_t step, int64_t lanes, int64_t k, T* panel) {
  constexpr int L = kLanes<T>;
  int64_t done = 0;  // steps of k that are packed
  if (step == 1 && lanes > 1) {
    done = k / L * L;
    for (int first = 0; first < W; first += L) {
      const int offset = W < L ? 0 : std::min(first, W - L);
      const T* rows[L];
      for (int i = 0; i < L; ++i) rows[i] = source + std::min<int64_t>(offset + i, lanes - 1) * lane;
      for (int64_t p = 0; p < done; p += L) pack_transposed<T, W>(rows, p, panel + offset);
    }
  } else if (lane == 1 && lanes >= L) {
    done = k;
    const int64_t last = lanes - L;
    for (int64_t p = 0; p < k; ++p) {
      for (int64_t i = 0; i < last; i += L) store(panel + p * W + i, load(source + p * step + i));
      store(panel + p * W + last, load(source + p * step + last));
    }
  }
  const int64_t filled = std::max<int64_t>(lanes, std::min(L, W));  // a tile reads whole vectors
  for (int64_t p = done; p < k; ++p) {
    for (int64_t i = 0; i < lanes; ++i) panel[p * W + i] = source[i * lane + p * step];
    for (int64_t i = lanes; i < filled; ++i) panel[p * W + i] = T{};
  }
}

}  // namespace pe::gemm
