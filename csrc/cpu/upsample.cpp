// upsample2d: y[o, p] = Σ over two rows and two columns of weight · a, or the nearest a; and its transpose.
//
// 6 FLOP an output element bilinear, none for the nearest, against 1 element written and 1 / scale² read: memory bound.
// The idea: first along the columns, a row of the input at a time, which all output rows between two rows of the input
// share; then along the rows, in whole vectors. Which columns, and how much they count, is worked out once.
#include "kernels/upsample.h"

#include <cmath>

#include "core/memory.h"
#include "core/parallel.h"
#include "cpu/rows.h"
#include "cpu/windows.h"

namespace pe {

namespace {

// Of which two pixels of an axis each output pixel is made: (1 - share) · first + share · second.
template <class T>
class Mixture {
 public:
  Mixture(int64_t in, int64_t out, double step, bool bilinear, bool align_corners)
      : count(out), first_(out), second_(out), shares_(out) {
    for (int64_t o = 0; o < out; ++o) {
      const auto at = static_cast<double>(o);
      double wanted = at * step;
      if (!bilinear) wanted *= 1 + 0x1p-50;
      if (bilinear && !align_corners) wanted = std::max((at + 0.5) * step - 0.5, 0.0);
      const double place = std::min(wanted, static_cast<double>(in - 1));
      first_[o] = static_cast<int64_t>(place);
      second_[o] = std::min(first_[o] + 1, in - 1);
      shares_[o] = bilinear ? static_cast<T>(place - static_cast<double>(first_[o])) : T(0);
    }
  }

  int64_t first(int64_t o) const { return first_.data()[o]; }
  int64_t second(int64_t o) const { return second_.data()[o]; }
  T share(int64_t o) const { return shares_.data()[o]; }

  int64_t count;

 private:
  Scratch<int64_t> first_, second_;
  Scratch<T> shares_;
};

template <class T>
void mix_row(const Mixture<T>& columns, bool bilinear, const T* from, int64_t stride, T* to) {
  if (!bilinear) {
    for (int64_t o = 0; o < columns.count; ++o) to[o] = from[columns.first(o) * stride];
    return;
  }
  for (int64_t o = 0; o < columns.count; ++o) {
    const T share = columns.share(o);
    to[o] = (1 - share) * from[columns.first(o) * stride] + share * from[columns.second(o) * stride];
  }
}

// Two rows of the input, mixed along the columns, of which the later ones of an image replace the earlier ones.
template <class T>
class MixedRows {
 public:
  MixedRows(const Mixture<T>& columns, bool bilinear)
      : columns_(columns), bilinear_(bilinear), rows_(2 * columns.count) {}

  const T* get(const Planes<const T>& x, int64_t plane, int64_t row) {
    const int64_t slot = row % 2, key = plane * x.rows + row;
    T* to = rows_.data() + slot * columns_.count;
    if (held_[slot] != key) {
      mix_row(columns_, bilinear_, x.row(plane, row), x.stride, to);
      held_[slot] = key;
    }
    return to;
  }

 private:
  const Mixture<T>& columns_;
  bool bilinear_;
  Scratch<T> rows_;
  int64_t held_[2] = {-1, -1};
};

template <class T>
void forward(In a, double row_step, double column_step, bool bilinear, bool align_corners, Out out) {
  if (out.size() == 0) return;
  const Planes<const T> x(a);
  const Planes<T> y(out);
  const Mixture<T> rows(x.rows, y.rows, row_step, bilinear, align_corners);
  const Mixture<T> columns(x.columns, y.columns, column_step, bilinear, align_corners);
  parallel_plane_rows(y.count, y.rows, y.columns, [&](int64_t plane, int64_t begin, int64_t end) {
    MixedRows<T> mixed(columns, bilinear);
    for (int64_t o = begin; o < end; ++o) {
      const T* top = mixed.get(x, plane, rows.first(o));
      T* to = y.row(plane, o);
      if (!bilinear) {
        copy_strided(top, 1, to, y.stride, y.columns);
        continue;
      }
      const T* bottom = mixed.get(x, plane, rows.second(o));
      const T below = rows.share(o), above = 1 - below;
      if (y.stride == 1) {
        for (int64_t i = 0; i < y.columns; ++i) to[i] = above * top[i] + below * bottom[i];
      } else {
        for (int64_t i = 0; i < y.columns; ++i) to[i * y.stride] = above * top[i] + below * bottom[i];
      }
    }
  });
}

template <class T>
void add_scaled(const T* from, int64_t stride, T scale, T* to, int64_t n) {
  if (stride == 1) {
    for (int64_t i = 0; i < n; ++i) to[i] += scale * from[i];
  } else {
    for (int64_t i = 0; i < n; ++i) to[i] += scale * from[i * stride];
  }
}

// One plane's gradient: first along the rows into sums[rows of the input][columns of the gradient], then the columns.
template <class T>
void backward(In grad, double row_step, double column_step, bool bilinear, bool align_corners, Out da) {
  if (da.size() == 0) return;
  constexpr int64_t kTask = 16384;  // elements
  const Planes<const T> g(grad);
  const Planes<T> dx(da);
  const Mixture<T> rows(dx.rows, g.rows, row_step, bilinear, align_corners);
  const Mixture<T> columns(dx.columns, g.columns, column_step, bilinear, align_corners);
  const int64_t n = g.columns;
  parallel_ranges(dx.count, std::max<int64_t>(1, kTask / (g.rows * n)), [&](int64_t begin, int64_t end) {
    Scratch<T> sums(dx.rows * n), row(dx.columns);
    for (int64_t plane = begin; plane < end; ++plane) {
      std::fill(sums.data(), sums.data() + dx.rows * n, T(0));
      for (int64_t o = 0; o < g.rows; ++o) {
        const T share = rows.share(o), *from = g.row(plane, o);
        add_scaled(from, g.stride, 1 - share, sums.data() + rows.first(o) * n, n);
        if (bilinear) add_scaled(from, g.stride, share, sums.data() + rows.second(o) * n, n);
      }
      for (int64_t r = 0; r < dx.rows; ++r) {
        const T* from = sums.data() + r * n;
        std::fill(row.data(), row.data() + dx.columns, T(0));
        for (int64_t o = 0; o < n; ++o) {
          row[columns.first(o)] += (1 - columns.share(o)) * from[o];
          if (bilinear) row[columns.second(o)] += columns.share(o) * from[o];
        }
        copy_strided(row.data(), 1, dx.row(plane, r), dx.stride, dx.columns);
      }
    }
  });
}

}  // namespace

void upsample2d(In a, const Ints&, double row_step, double column_step, bool bilinear, bool align_corners, Out out) {
  a.dtype == DType::f32 ? forward<float>(a, row_step, column_step, bilinear, align_corners, out)
                        : forward<double>(a, row_step, column_step, bilinear, align_corners, out);
}

void upsample2d_backward(In grad, const Ints&, double row_step, double column_step, bool bilinear, bool align_corners,
                         Out da) {
  grad.dtype == DType::f32 ? backward<float>(grad, row_step, column_step, bilinear, align_corners, da)
                           : backward<double>(grad, row_step, column_step, bilinear, align_corners, da);
}

}  // namespace pe
