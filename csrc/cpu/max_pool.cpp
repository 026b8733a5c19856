// max_pool2d: y[o] = max over the window o, with the place in the window; da = Σ of grad over the windows that chose an
// element.
//
// kernel² comparisons for each window, 1 element read for each written to stride²: memory bound for 2×2 with stride 2.
// The idea: lanes are neighbouring windows. Rows are sorted by column modulo the stride first, so that each place in
// the window is one vector, whatever the geometry; the gradient is added up window by window. 2×2 with stride 2 sorts
// pairs of columns in registers (max_pool_pairs.h). Places stay in lanes of the element's width until they are stored.
#include "kernels/max_pool.h"

#include <cmath>
#include <limits>

#include "core/memory.h"
#include "core/parallel.h"
#include "cpu/gather.h"
#include "cpu/max_pool_pairs.h"

namespace pe {

namespace {

// --- any geometry

// Windows `first` … of one row of windows. rows[i] is the sorted row at place i of the windows, for those of [top,
// bottom).
template <class T>
void best_of_windows(const Phases<T>& phases, const T* const* rows, int64_t top, int64_t bottom, const Place<T>* left,
                     T* best_row, Place<T>* place_row) {
  const int64_t kernel = phases.windows.kernel, *taps = phases.taps();
  for (int64_t o = 0; o < phases.count; o += kLanes<T>) {
    Vec<T> best = splat(-std::numeric_limits<T>::infinity());
    Places<T> place = load(left + o) + splat_place<T>(top * kernel);  // the first on the image
    for (int64_t i = top; i < bottom; ++i)
      for (int64_t j = 0; j < kernel; ++j) {
        const Vec<T> x = load(rows[i] + taps[j] + o);
        const auto better = beats(x, best);
        best = select(better, x, best);
        place = select(better, splat_place<T>(i * kernel + j), place);
      }
    store(best_row + o, best);
    store(place_row + o, place);
  }
}

template <class T, class Stored>
void pool_any(In a, const Windows2d& w, Out out, Out places) {
  const Planes<const T> x(a);
  const Planes<T> y(out);
  const Planes<Stored> where(places);
  const Phases<T> phases(w.columns);
  Scratch<Place<T>> left(phases.count);  // the first place of a window that lies on the image
  for (int64_t o = 0; o < phases.count; ++o) left[o] = static_cast<Place<T>>(w.columns.first(o));
  parallel_plane_rows(y.count, w.rows.out, w.columns.in * w.rows.stride,
                      [&](int64_t plane, int64_t begin, int64_t end) {
                        const int64_t top_row = std::max<int64_t>(0, w.rows.start(begin));
                        const int64_t bottom_row = std::min(w.rows.in, w.rows.start(end - 1) + w.rows.extent());
                        Scratch<T> sorted((bottom_row - top_row) * phases.size()), best(phases.count);
                        Scratch<Place<T>> chosen(phases.count);
                        Scratch<const T*> rows(w.rows.kernel);
                        for (int64_t r = top_row; r < bottom_row; ++r)
                          phases.split(x.row(plane, r), x.stride, -std::numeric_limits<T>::infinity(),
                                       sorted.data() + (r - top_row) * phases.size());
                        for (int64_t o = begin; o < end; ++o) {
                          const int64_t top = w.rows.first(o), bottom = w.rows.last(o);
                          for (int64_t i = top; i < bottom; ++i)
                            rows[i] = sorted.data() + (w.rows.start(o) + i * w.rows.dilation - top_row) * phases.size();
                          best_of_windows(phases, rows.data(), top, bottom, left.data(), best.data(), chosen.data());
                          T* to = y.row(plane, o);
                          Stored* place_to = where.row(plane, o);
                          for (int64_t i = 0; i < w.columns.out; ++i) to[i * y.stride] = best[i];
                          for (int64_t i = 0; i < w.columns.out; ++i)
                            place_to[i * where.stride] = static_cast<Stored>(chosen[i]);
                        }
                      });
}

template <class T>
void pool(In a, const Windows2d& w, Out out, Out places) {
  if (out.size() == 0) return;
  const Planes<const T> x(a);
  const bool pairs = is_pairs(w.rows) && is_pairs(w.columns) && x.stride == 1;
  if (pairs && is_contiguous(out) && is_contiguous(places))
    return pool_all_pairs(x, w, out.as<T>(), places.as<uint8_t>());
  places.dtype == DType::u8 ? pool_any<T, uint8_t>(a, w, out, places) : pool_any<T, int32_t>(a, w, out, places);
}

// --- by places: the gradient, and what was chosen

// How far down and to the right of a window's first element the element at a place lies. A byte is looked up.
template <class Stored>
class Steps {
 public:
  explicit Steps(const Windows2d& w) : rows_(w.rows.dilation), columns_(w.columns.dilation), kernel_(w.columns.kernel) {
    if constexpr (sizeof(Stored) == 1)
      for (int64_t place = 0; place < 256; ++place) table_[place] = step(place);
  }

  std::pair<int64_t, int64_t> operator[](Stored place) const {
    if constexpr (sizeof(Stored) == 1) return table_[place];
    return step(place);
  }

 private:
  std::pair<int64_t, int64_t> step(int64_t place) const {
    return {place / kernel_ * rows_, place % kernel_ * columns_};
  }

  int64_t rows_, columns_, kernel_;
  std::pair<int64_t, int64_t> table_[sizeof(Stored) == 1 ? 256 : 1];
};

// visit(r, o, inside, offset) for window o of row r of windows, in order: whether its place lies on the image, and
// where, in an image of these strides.
template <class Stored, class Visit>
void for_each_chosen(const Windows2d& w, const Steps<Stored>& steps, const Planes<Stored>& places, int64_t plane,
                     int64_t row_stride, int64_t column_stride, const Visit& visit) {
  const auto on = [](int64_t at, int64_t length) { return static_cast<uint64_t>(at) < static_cast<uint64_t>(length); };
  for (int64_t r = 0; r < w.rows.out; ++r) {
    const Stored* row = places.row(plane, r);
    for (int64_t o = 0; o < w.columns.out; ++o) {
      const auto [down, right] = steps[row[o * places.stride]];
      const int64_t y = w.rows.start(r) + down, x = w.columns.start(o) + right;
      visit(r, o, on(y, w.rows.in) && on(x, w.columns.in), y * row_stride + x * column_stride);
    }
  }
}

constexpr int64_t kPlaneTask = 16384;  // elements

// Adds the gradients of a row of windows to the elements that they chose: offsets[place] from each window's first one.
template <class T, class Stored>
[[gnu::noinline]] void spread_row(const Planes<const T>& grad, const Planes<const Stored>& places, int64_t plane,
                                  int64_t row, const Scratch<int64_t>& offsets, uint64_t last_place, int64_t step,
                                  T* to) {
  const T* g = grad.row(plane, row);
  const Stored* place = places.row(plane, row);
  const int64_t *offset = offsets.data(), n = grad.columns, g_stride = grad.stride, place_stride = places.stride;
  for (int64_t o = 0; o < n; ++o, g += g_stride, place += place_stride, to += step)
    to[offset[std::min(static_cast<uint64_t>(*place), last_place)]] += *g;
}

// How far windows reach, with the padding before the first and at least as far as the axis.
int64_t reach(const Windows& w) { return w.padding + std::max(w.in, w.start(w.out - 1) + w.extent()); }

// Sums are made in an image that has its padding around it, so that no place lies outside; where there is none, in the
// result itself.
template <class T, class Stored>
void spread_any(In grad, In places, const Windows2d& w, Out da) {
  const Planes<const T> g(grad);
  const Planes<const Stored> where(places);
  const Planes<T> dx(da);
  const int64_t width = reach(w.columns), size = reach(w.rows) * width, count = w.rows.kernel * w.columns.kernel;
  constexpr int64_t kSize = sizeof(T);
  const bool direct = size == dx.rows * dx.columns && width == dx.row_stride && dx.stride == 1;
  Scratch<int64_t> offsets(count);
  for (int64_t i = 0; i < count; ++i)
    offsets[i] = i / w.columns.kernel * w.rows.dilation * width + i % w.columns.kernel * w.columns.dilation;
  parallel_ranges(dx.count, std::max<int64_t>(1, kPlaneTask / size), [&](int64_t first, int64_t last) {
    Scratch<T> padded(direct ? 1 : size);
    for (int64_t plane = first; plane < last; ++plane) {
      T* sums = direct ? dx[plane] : padded.data();
      std::fill(sums, sums + size, T(0));
      for (int64_t r = 0; r < w.rows.out; ++r)
        spread_row(g, where, plane, r, offsets, static_cast<uint64_t>(count - 1), w.columns.stride,
                   sums + r * w.rows.stride * width);
      if (direct) continue;
      const T* from = sums + w.rows.padding * width + w.columns.padding;
      for (int64_t r = 0; r < dx.rows; ++r)
        cpu::copy_run(reinterpret_cast<char*>(dx.row(plane, r)), dx.stride * kSize,
                      reinterpret_cast<const char*>(from + r * width), kSize, dx.columns, kSize);
    }
  });
}

template <class T>
void spread(In grad, In places, const Windows2d& w, Out da) {
  if (da.size() == 0) return;
  const Planes<T> dx(da);
  const bool pairs = is_pairs(w.rows) && is_pairs(w.columns) && dx.stride == 1;
  if (pairs && w.rows.in - 2 * w.rows.out < 2 && is_contiguous(grad) && is_contiguous(places))
    return spread_all_pairs(grad.as<const T>(), places.as<const uint8_t>(), w, dx);
  places.dtype == DType::u8 ? spread_any<T, uint8_t>(grad, places, w, da) : spread_any<T, int32_t>(grad, places, w, da);
}

template <class T, class Stored>
void take(In a, In places, const Windows2d& w, Out out) {
  const Planes<const T> x(a);
  const Planes<const Stored> where(places);
  const Steps<const Stored> steps(w);
  const Planes<T> y(out);
  if (out.size() == 0) return;
  const int64_t size = w.rows.out * w.columns.out;
  parallel_ranges(y.count, std::max<int64_t>(1, kPlaneTask / size), [&](int64_t first, int64_t last) {
    for (int64_t plane = first; plane < last; ++plane) {
      const T* from = x[plane];
      T* to = y[plane];
      for_each_chosen(w, steps, where, plane, x.row_stride, x.stride,
                      [&](int64_t r, int64_t o, bool inside, int64_t offset) {
                        to[r * y.row_stride + o * y.stride] = inside ? from[offset] : T(0);
                      });
    }
  });
}

}  // namespace

void max_pool2d(In a, const Ints& kernel, const Ints& stride, const Ints& padding, const Ints& dilation, bool ceil_mode,
                Out out, Out places) {
  const Windows2d w = windows_of(a, kernel, stride, padding, dilation, ceil_mode);
  a.dtype == DType::f32 ? pool<float>(a, w, out, places) : pool<double>(a, w, out, places);
}

void max_pool2d_backward(In grad, In places, const Ints& size, const Ints& kernel, const Ints& stride,
                         const Ints& padding, const Ints& dilation, Out da) {
  const Windows2d w = windows_of_gradient(grad, size, kernel, stride, padding, dilation);
  grad.dtype == DType::f32 ? spread<float>(grad, places, w, da) : spread<double>(grad, places, w, da);
}

void max_pool2d_take(In a, In places, const Ints& kernel, const Ints& stride, const Ints& padding, const Ints& dilation,
                     Out out) {
  const Ints size{2, false, {a.shape[2], a.shape[3]}};
  const Windows2d w = windows_of_gradient(places, size, kernel, stride, padding, dilation);
  const bool bytes = places.dtype == DType::u8;
  if (a.dtype == DType::f32)
    return bytes ? take<float, uint8_t>(a, places, w, out) : take<float, int32_t>(a, places, w, out);
  bytes ? take<double, uint8_t>(a, places, w, out) : take<double, int32_t>(a, places, w, out);
}

}  // namespace pe
