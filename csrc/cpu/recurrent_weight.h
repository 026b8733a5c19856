// The product that every step of a recurrent layer repeats: few rows times a weight that stays the same.
//
// The weight is packed once for the whole sequence, into panels that then stay in L2; a step is a tile (matmul_tile.h)
// for each panel. With one row or two, panels are wider, so that there are enough chains of FMAs side by side.
#pragma once

#include "cpu/matmul_blocks.h"

namespace pe::cpu {

// b[k, n] with b[p, j] = data[p * row + j * column]; no more than `rows` rows are multiplied at once.
template <class T>
class PackedWeight {
 public:
  PackedWeight(const T* data, int64_t row, int64_t column, int64_t k, int64_t n, int64_t rows)
      : k_(k),
        n_(n),
        width_(kLanes<T> * (rows <= kFew ? kFewVectors : gemm::NV)),
        size_(width_ == gemm::NR<T> ? gemm::panel_size<T, gemm::NR<T>>(k) : gemm::panel_size<T, kFewWidth>(k)),
        panels_(gemm::ceil_div(n, width_)),
        packed_(panels_ * size_) {
    parallel_ranges(panels_, kGroup, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        const T* source = data + p * width_ * column;
        const int64_t lanes = std::min(width_, n_ - p * width_);
        width_ == gemm::NR<T> ? gemm::pack_panel<T, gemm::NR<T>>(source, column, row, lanes, k, panel(p))
                              : gemm::pack_panel<T, kFewWidth>(source, column, row, lanes, k, panel(p));
      }
    });
  }

  // c[rows, n] (+)= a[rows, k] · b + bias, with rows <= MR
  void multiply(const T* a, int64_t a_row, int64_t rows, T* c, bool accumulate, const T* bias = nullptr) const {
    for (int64_t p = 0; p < panels_; ++p) {
      const int64_t j = p * width_, width = std::min(width_, n_ - j), vectors = gemm::ceil_div(width, kLanes<T>);
      const gemm::Strips<T> in{k_, a, a_row, 1, panel(p), width_};
      const gemm::Result<T> to{c + j, n_, width, bias ? bias + j : nullptr, accumulate, false};
      const gemm::Tile<T> tile =
          gemm::kTiles<T, false>[static_cast<size_t>(rows - 1)][static_cast<size_t>(vectors - 1)];
      if (width >= kLanes<T>)
        tile(in, to);
      else
        gemm::store_edge(tile, in, to, rows, 1);
    }
  }

 private:
  static constexpr int64_t kFew = 2, kGroup = 8;
  static constexpr int kFewVectors = gemm::max_vectors(kFew), kFewWidth = kFewVectors * kLanes<T>;

  T* panel(int64_t p) { return packed_.data() + p * size_; }
  const T* panel(int64_t p) const { return packed_.data() + p * size_; }

  int64_t k_, n_, width_, size_, panels_;
  Scratch<T> packed_;
};

}  // namespace pe::cpu
