// avg_pool2d: y[o] = Σ over the window o / count, and its gradient da = Σ grad / count over the windows of an element;
// adaptive_avg_pool2d: the same with windows that cut the image into so many parts.
//
// An addition an element for each window that it lies in, kernel times fewer as the sum is taken in two steps: over the
// rows of a window, whole rows in vectors, then over its columns. Memory bound where windows do not overlap. Columns of
// windows at a stride are sorted as for max_pool2d, so that lanes are neighbouring windows. The gradient goes the same
// way back: a row of the image for each row of windows, then added to all rows that these lie on, plane by plane.
#include "kernels/avg_pool.h"

#include "core/memory.h"
#include "core/parallel.h"
#include "cpu/rows.h"
#include "cpu/windows.h"

namespace pe {

namespace {

// What a window holds of an axis, and by how much its sum is divided.
struct Span {
  int64_t begin, end, count;
};

struct SlidingAxis {
  Windows w;
  bool count_padding;

  int64_t in() const { return w.in; }
  int64_t out() const { return w.out; }
  Span operator[](int64_t o) const {
    const int64_t start = w.start(o), behind = start + w.kernel;
    const int64_t begin = std::max<int64_t>(start, 0), end = std::max(begin, std::min(behind, w.in));
    return {begin, end, count_padding ? std::min(behind, w.in + w.padding) - start : end - begin};
  }
};

struct PartedAxis {
  int64_t length, parts;

  int64_t in() const { return length; }
  int64_t out() const { return parts; }
  Span operator[](int64_t o) const {
    const int64_t begin = o * length / parts, end = ((o + 1) * length + parts - 1) / parts;
    return {begin, end, end - begin};
  }
};

template <class T, class Axis>
void sum_one_by_one(const Axis& axis, const T* row, T* sums) {
  for (int64_t o = 0; o < axis.out(); ++o) {
    const Span span = axis[o];
    T total = 0;
    for (int64_t i = span.begin; i < span.end; ++i) total += row[i];
    sums[o] = total;
  }
}

template <class T, class Axis>
void spread_one_by_one(const Axis& axis, const T* shares, T* row) {
  for (int64_t o = 0; o < axis.out(); ++o) {
    const Span span = axis[o];
    for (int64_t i = span.begin; i < span.end; ++i) row[i] += shares[o];
  }
}

// Sums along a row of the image for each window, and the way back. Rows of windows have `size` elements, which may be
// more than there are windows.
template <class T, class Axis>
class Columns;

template <class T>
class Columns<T, SlidingAxis> {
 public:
  explicit Columns(const SlidingAxis& axis) : axis_(axis), phases_(axis.w) {}
  int64_t size() const { return phases_.count; }
  int64_t scratch() const { return phases_.size(); }

  void sum(const T* row, T* scratch, T* sums) const {
    if (few()) return sum_one_by_one(axis_, row, sums);
    const int64_t* taps = phases_.taps();
    phases_.split(row, 1, T(0), scratch);
    for (int64_t o = 0; o < phases_.count; o += kLanes<T>) {
      Vec<T> total = load(scratch + o);
      for (int64_t j = 1; j < phases_.windows.kernel; ++j) total += load(scratch + taps[j] + o);
      store(sums + o, total);
    }
  }

  void spread(const T* shares, T* scratch, T* row) const {
    if (few()) return spread_one_by_one(axis_, shares, row);
    std::fill(scratch, scratch + phases_.size(), T(0));
    for (int64_t j = 0; j < phases_.windows.kernel; ++j) {
      T* to = scratch + phases_.taps()[j];
      for (int64_t o = 0; o < phases_.windows.out; ++o) to[o] += shares[o];
    }
    phases_.add(scratch, row, 1);
  }

 private:
  bool few() const { return axis_.out() < kLanes<T> / 2; }

  SlidingAxis axis_;
  Phases<T> phases_;
};

template <class T>
class Columns<T, PartedAxis> {
 public:
  explicit Columns(const PartedAxis& axis) : axis_(axis) {}
  int64_t size() const { return axis_.parts; }
  int64_t scratch() const { return 1; }

  void sum(const T* row, T*, T* sums) const { sum_one_by_one(axis_, row, sums); }
  void spread(const T* shares, T*, T* row) const { spread_one_by_one(axis_, shares, row); }

 private:
  PartedAxis axis_;
};

// By how much the sums of windows are divided: by the product of their counts along both axes, or by one divisor.
template <class T, class Axis>
class Divisors {
 public:
  Divisors(const Axis& rows, const Axis& columns, double divisor)
      : rows_(rows), divisor_(static_cast<T>(divisor)), counts_(columns.out()) {
    for (int64_t o = 0; o < columns.out(); ++o) counts_[o] = static_cast<T>(columns[o].count);
  }

  // quotients[o] = values[o · stride] / divisor of window o in row `row` of windows.
  void divide(int64_t row, const T* values, int64_t stride, T* quotients, int64_t quotient_stride, int64_t n) const {
    const T rows = static_cast<T>(rows_[row].count), *counts = counts_.data();
    const bool given = divisor_ != 0;
    if (stride == 1 && quotient_stride == 1) {
      for (int64_t o = 0; o < n; ++o) quotients[o] = values[o] / (given ? divisor_ : rows * counts[o]);
    } else {
      for (int64_t o = 0; o < n; ++o)
        quotients[o * quotient_stride] = values[o * stride] / (given ? divisor_ : rows * counts[o]);
    }
  }

 private:
  Axis rows_;
  T divisor_;
  Scratch<T> counts_;
};

// total[i] = Σ of elements i of rows [begin, end) of a plane.
template <class T>
void sum_rows(const Planes<const T>& x, const T* plane, int64_t begin, int64_t end, T* total) {
  constexpr int W = kLanes<T>;
  const int64_t n = x.columns, stride = x.stride, row_stride = x.row_stride;
  const auto sum = [&](auto zero, int64_t i, auto read) {
    for (int64_t r = begin; r < end; ++r) zero += read(plane + r * row_stride + i * stride);
    return zero;
  };
  if (stride == 1 && n >= W) {
    const auto vector = [&](int64_t i) { store(total + i, sum(Vec<T>{}, i, [](const T* p) { return load(p); })); };
    int64_t i = 0;
    for (; i + W <= n; i += W) vector(i);
    if (i < n) vector(n - W);
  } else {
    for (int64_t i = 0; i < n; ++i) total[i] = sum(T(0), i, [](const T* p) { return *p; });
  }
}

template <class T>
void add_row(const T* from, T* to, int64_t n) {
  for (int64_t i = 0; i < n; ++i) to[i] += from[i];
}

constexpr int64_t kTask = 16384;  // elements

template <class T, class Axis>
void average(In a, const Axis& rows, const Axis& columns, double divisor, Out out) {
  if (out.size() == 0) return;
  const Planes<const T> x(a);
  const Planes<T> y(out);
  const Columns<T, Axis> along(columns);
  const Divisors<T, Axis> divisors(rows, columns, divisor);
  const int64_t count = rows.out(), work = std::max<int64_t>(1, columns.in() * std::max<int64_t>(1, rows.in() / count));
  parallel_ranges(y.count * count, std::max<int64_t>(1, kTask / work), [&](int64_t begin, int64_t end) {
    Scratch<T> total(columns.in()), scratch(along.scratch()), sums(along.size());
    for (int64_t i = begin, plane = begin / count, o = begin % count; i < end; ++i) {
      const Span span = rows[o];
      sum_rows(x, x[plane], span.begin, span.end, total.data());
      along.sum(total.data(), scratch.data(), sums.data());
      divisors.divide(o, sums.data(), 1, y.row(plane, o), y.stride, columns.out());
      if (++o == count) o = 0, ++plane;
    }
  });
}

template <class T, class Axis>
void spread(In grad, const Axis& rows, const Axis& columns, double divisor, Out da) {
  if (da.size() == 0) return;
  const Planes<const T> g(grad);
  const Planes<T> dx(da);
  const Columns<T, Axis> along(columns);
  const Divisors<T, Axis> divisors(rows, columns, divisor);
  const int64_t n = columns.in(), size = rows.in() * n;
  const bool direct = dx.stride == 1 && dx.row_stride == n;
  parallel_ranges(dx.count, std::max<int64_t>(1, kTask / size), [&](int64_t first, int64_t last) {
    Scratch<T> made(direct ? 1 : size), shares(columns.out()), scratch(along.scratch()), row(n);
    for (int64_t plane = first; plane < last; ++plane) {
      T* sums = direct ? dx[plane] : made.data();
      std::fill(sums, sums + size, T(0));
      for (int64_t o = 0; o < rows.out(); ++o) {
        divisors.divide(o, g.row(plane, o), g.stride, shares.data(), 1, columns.out());
        std::fill(row.data(), row.data() + n, T(0));
        along.spread(shares.data(), scratch.data(), row.data());
        const Span span = rows[o];
        for (int64_t r = span.begin; r < span.end; ++r) add_row(row.data(), sums + r * n, n);
      }
      if (direct) continue;
      for (int64_t r = 0; r < rows.in(); ++r) copy_strided(sums + r * n, 1, dx.row(plane, r), dx.stride, n);
    }
  });
}

}  // namespace

void avg_pool2d(In a, const Ints& kernel, const Ints& stride, const Ints& padding, bool ceil_mode,
                bool count_include_pad, double divisor, Out out) {
  const Windows2d w = windows_of(a, kernel, stride, padding, kUndilated, ceil_mode);
  const SlidingAxis rows{w.rows, count_include_pad}, columns{w.columns, count_include_pad};
  a.dtype == DType::f32 ? average<float>(a, rows, columns, divisor, out)
                        : average<double>(a, rows, columns, divisor, out);
}

void avg_pool2d_backward(In grad, const Ints& size, const Ints& kernel, const Ints& stride, const Ints& padding,
                         bool ceil_mode, bool count_include_pad, double divisor, Out da) {
  const Windows2d w = windows_of(images_of(grad, size), kernel, stride, padding, kUndilated, ceil_mode);
  const SlidingAxis rows{w.rows, count_include_pad}, columns{w.columns, count_include_pad};
  grad.dtype == DType::f32 ? spread<float>(grad, rows, columns, divisor, da)
                           : spread<double>(grad, rows, columns, divisor, da);
}

void adaptive_avg_pool2d(In a, const Ints& size, Out out) {
  const PartedAxis rows{a.shape[2], size.values[0]}, columns{a.shape[3], size.values[1]};
  a.dtype == DType::f32 ? average<float>(a, rows, columns, 0, out) : average<double>(a, rows, columns, 0, out);
}

void adaptive_avg_pool2d_backward(In grad, const Ints& size, Out da) {
  const PartedAxis rows{size.values[0], grad.shape[2]}, columns{size.values[1], grad.shape[3]};
  grad.dtype == DType::f32 ? spread<float>(grad, rows, columns, 0, da) : spread<double>(grad, rows, columns, 0, da);
}

}  // namespace pe
