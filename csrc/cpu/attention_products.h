// The products of attention on small blocks, by the register tiles of matmul.
//
// Scores are kept turned over, s[key][query]: the queries of a panel are the lanes of a few vectors. So the maxima and
// sums of a softmax need nothing across lanes, keys and values are read number by number where they lie, and of all
// operands only the queries are packed, once: weights come out of one product as the next one wants them.
#pragma once

#include "cpu/matmul_pack.h"
#include "cpu/matmul_tile.h"
#include "cpu/transpose.h"

namespace pe::attention_cpu {

using gemm::MR;
template <class T>
inline constexpr int NR = gemm::NR<T>;  // queries of a panel

constexpr int64_t round_up(int64_t n, int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }

// a[i, p] = data[i * row + p * column]
template <class T>
struct Strip {
  const T* data;
  int64_t row, column;
};

// c[m, w] (+)= a[m, k] · b[k, w], where w is a multiple of the lanes; rows of b and c are side by side.
template <class T>
void multiply(int64_t m, int64_t w, int64_t k, Strip<T> a, const T* b, int64_t b_row, T* c, int64_t c_row,
              bool accumulate) {
  for (int64_t j = 0; j < w; j += NR<T>) {
    const int64_t width = std::min<int64_t>(NR<T>, w - j);
    const auto vectors = static_cast<size_t>(width / kLanes<T> - 1);
    for (int64_t i = 0; i < m; i += MR) {
      const auto rows = static_cast<size_t>(std::min<int64_t>(MR, m - i) - 1);
      gemm::kTiles<T, false>[rows][vectors]({k, a.data + i * a.row, a.row, a.column, b + j, b_row},
                                            {c + i * c_row + j, c_row, width, nullptr, accumulate, false});
    }
  }
}

// The same where what has weight 0 adds nothing, not even where the other factor is an infinity or a NaN: for blocks
// that have such. The weights are a where kWeightsFirst, else b.
template <bool kWeightsFirst, class T>
void multiply_carefully(int64_t m, int64_t w, int64_t k, Strip<T> a, const T* b, int64_t b_row, T* c, int64_t c_row,
                        bool accumulate) {
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < w; ++j) {
      T sum = accumulate ? c[i * c_row + j] : T(0);
      for (int64_t p = 0; p < k; ++p) {
        const T x = a.data[i * a.row + p * a.column], y = b[p * b_row + j];
        if ((kWeightsFirst ? x : y) != T(0)) sum += x * y;
      }
      c[i * c_row + j] = sum;
    }
}

template <bool kWeightsFirst, class T>
void multiply_weights(bool finite, int64_t m, int64_t w, int64_t k, Strip<T> a, const T* b, int64_t b_row, T* c,
                      int64_t c_row, bool accumulate) {
  if (finite) return multiply(m, w, k, a, b, b_row, c, c_row, accumulate);
  multiply_carefully<kWeightsFirst>(m, w, k, a, b, b_row, c, c_row, accumulate);
}

// Rows of a matrix of any strides as a block of rows side by side, filled up with zeros to `padded` columns, which is
// a multiple of the lanes; whether all are finite.
template <class T>
bool copy_rows(Strip<T> from, int64_t rows, int64_t columns, T* to, int64_t padded) {
  Vec<T> zeros{}, others{};  // NaN from the first infinity or NaN on; two, since an addition takes some cycles
  for (int64_t i = 0; i < rows; ++i) {
    const T* x = from.data + i * from.row;
    T* y = to + i * padded;
    int64_t j = 0;
    if (from.column == 1) {
      for (; j + 2 * kLanes<T> <= columns; j += 2 * kLanes<T>) {
        const Vec<T> v = load(x + j), w = load(x + j + kLanes<T>);
        zeros += v * T(0);
        others += w * T(0);
        store(y + j, v);
        store(y + j + kLanes<T>, w);
      }
      for (; j + kLanes<T> <= columns; j += kLanes<T>) {
        const Vec<T> v = load(x + j);
        zeros += v * T(0);
        store(y + j, v);
      }
    }
    for (; j < columns; ++j) {
      y[j] = x[j * from.column];
      zeros += splat(y[j] * T(0));
    }
    for (; j < padded; ++j) y[j] = T(0);
  }
  return sum_lanes<T>(zeros + others) == T(0);
}

// A panel [columns][NR] turned back into rows of any strides.
template <class T>
void write_panel(const T* panel, int64_t rows, int64_t columns, T* to, int64_t row, int64_t column) {
  constexpr int64_t kSize = sizeof(T);
  if (column == 1)
    return cpu::transpose(reinterpret_cast<char*>(to), row * kSize, reinterpret_cast<const char*>(panel), NR<T> * kSize,
                          columns, rows, kSize);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) to[i * row + j * column] = panel[j * NR<T> + i];
}

// The next `count` elements of scratch memory.
template <class T>
T* take(T*& memory, int64_t count) {
  T* taken = memory;
  memory += count;
  return taken;
}

template <class T>
int64_t padded(int64_t columns) {
  return round_up(columns, kLanes<T>);
}

template <class T>
int64_t panels_of(int64_t queries) {
  return (queries + NR<T> - 1) / NR<T>;
}

}  // namespace pe::attention_cpu
