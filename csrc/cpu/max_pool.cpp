// max_pool2d: y[o] = max over the window o, with the place in the window; da = Σ of grad over the windows that chose an
// element.
//
// kernel² comparisons for each window, 1 element read for each written to stride²: memory bound for 2×2 with stride 2.
// The idea: lanes are neighbouring windows. Rows are sorted by column modulo the stride first, so that each place in
// the window is one vector, whatever the geometry. 2×2 with stride 2 reads pairs of columns directly; where rows are
// short, those of many planes are joined to one. Places stay in lanes of the element's width until they are stored.
#include "kernels/max_pool.h"

#include <cmath>
#include <limits>

#include "core/memory.h"
#include "core/parallel.h"
#include "cpu/lanes.h"
#include "cpu/windows.h"

namespace pe {

namespace {

template <class T>
using Place = cpu::SignedOf<sizeof(T)>;
template <class T>
using Places = Vec<Place<T>>;

// Whether x is to be chosen and not `best`, which came before it: greater, or the first NaN.
template <class V>
inline auto beats(V x, V best) {
  return ~(x <= best) & (best == best);
}

template <class T>
inline Places<T> splat_place(int64_t place) {
  return static_cast<Place<T>>(place) - Places<T>{};
}

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

// --- 2×2 with stride 2, where the image is made of whole windows that lie side by side

bool is_pairs(const Windows& w) {
  return w.kernel == 2 && w.stride == 2 && w.padding == 0 && w.dilation == 1 && 2 * w.out <= w.in;
}

// n windows of two rows: n >= kLanes.
template <class T>
void pool_pairs(const T* top, const T* bottom, int64_t n, T* y, uint8_t* places) {
  constexpr int W = kLanes<T>;
  const auto at = [&](int64_t o) {
    const Vec<T> top0 = load(top + 2 * o), top1 = load(top + 2 * o + W);
    const Vec<T> bottom0 = load(bottom + 2 * o), bottom1 = load(bottom + 2 * o + W);
    const auto better = [](Vec<T> x, Vec<T> before, Places<T> place_x, Places<T> place, Places<T>& found) {
      const auto mask = beats(x, before);
      found = select(mask, place_x, place);
      return select(mask, x, before);
    };
    Places<T> above, below, place;
    const Vec<T> up = better(every_second<T, 1>(top0, top1), every_second<T, 0>(top0, top1), splat_place<T>(1),
                             splat_place<T>(0), above);
    const Vec<T> down = better(every_second<T, 1>(bottom0, bottom1), every_second<T, 0>(bottom0, bottom1),
                               splat_place<T>(3), splat_place<T>(2), below);
    store(y + o, better(down, up, below, above, place));
    const auto bytes = std::bit_cast<cpu::Lanes<uint8_t, kVecBytes>>(place);
    cpu::store_lanes<uint8_t, W>(places + o, cpu::detail::every_byte<sizeof(T)>(bytes, std::make_index_sequence<W>{}));
  };
  int64_t o = 0;
  for (; o + W <= n; o += W) at(o);
  if (o < n) at(n - W);
}

// The gradient of the same: each window's into its four elements.
template <class T>
void spread_pairs(const T* grad, const uint8_t* places, int64_t n, T* top, T* bottom) {
  constexpr int W = kLanes<T>;
  const auto at = [&](int64_t o) {
    const Vec<T> g = load(grad + o);
    const auto bytes = cpu::detail::repeat_bytes<sizeof(T), W>(cpu::load_lanes<uint8_t, W>(places + o),
                                                               std::make_index_sequence<kVecBytes>{});
    const auto of = [&](uint8_t place) { return select(std::bit_cast<Places<T>>(bytes == place) != 0, g, Vec<T>{}); };
    store_interleaved(top + 2 * o, of(0), of(1));
    store_interleaved(bottom + 2 * o, of(2), of(3));
  };
  int64_t o = 0;
  for (; o + W <= n; o += W) at(o);
  if (o < n) at(n - W);
}

// Rows of fewer windows than this are joined, so that vectors are full.
template <class T>
inline constexpr int64_t kFewWindows = kLanes<T>;

constexpr int64_t kJoined = 1024;  // windows that are joined at a time

template <class T>
void pool_all_pairs(const Planes<const T>& x, const Windows2d& w, T* y, uint8_t* places) {
  const int64_t n = w.columns.out, rows = w.rows.out;
  if (n >= kFewWindows<T>)
    return parallel_plane_rows(x.count, rows, 4 * n, [&](int64_t plane, int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const T* top = x.row(plane, 2 * r);
        pool_pairs(top, top + x.row_stride, n, y + (plane * rows + r) * n, places + (plane * rows + r) * n);
      }
    });
  const int64_t at_once = std::max<int64_t>(1, kJoined / n);
  parallel_ranges(x.count * rows, at_once, [&](int64_t begin, int64_t end) {
    const int64_t count = (end - begin) * n, room = std::max<int64_t>(count, kLanes<T>);
    Scratch<T> joined(4 * room);
    T *top = joined.data(), *bottom = top + 2 * room;
    for (int64_t r = begin; r < end; ++r) {
      const T* from = x.row(r / rows, 2 * (r % rows));
      std::memcpy(top + 2 * n * (r - begin), from, static_cast<size_t>(2 * n) * sizeof(T));
      std::memcpy(bottom + 2 * n * (r - begin), from + x.row_stride, static_cast<size_t>(2 * n) * sizeof(T));
    }
    if (count >= kLanes<T>) return pool_pairs(top, bottom, count, y + begin * n, places + begin * n);
    T best[kLanes<T>];
    uint8_t chosen[kLanes<T>];
    std::fill(top + 2 * count, top + 2 * room, T(0));
    std::fill(bottom + 2 * count, bottom + 2 * room, T(0));
    pool_pairs(top, bottom, kLanes<T>, best, chosen);
    std::copy(best, best + count, y + begin * n);
    std::copy(chosen, chosen + count, places + begin * n);
  });
}

template <class T>
void spread_all_pairs(const T* grad, const uint8_t* places, const Windows2d& w, const Planes<T>& dx) {
  const int64_t n = w.columns.out, rows = w.rows.out, rest = dx.columns - 2 * n;
  const int64_t at_once = std::max<int64_t>(1, (n >= kFewWindows<T> ? 4 * kJoined : kJoined) / n);
  parallel_ranges(dx.count * rows, at_once, [&](int64_t begin, int64_t end) {
    const int64_t count = (end - begin) * n, room = std::max<int64_t>(count, kLanes<T>);
    const bool direct = n >= kFewWindows<T>;
    Scratch<T> joined(direct ? 1 : 4 * room);
    T *top = joined.data(), *bottom = top + 2 * room;
    if (count >= kLanes<T> && !direct) {
      spread_pairs(grad + begin * n, places + begin * n, count, top, bottom);
    } else if (!direct) {
      T g[kLanes<T>] = {};
      uint8_t chosen[kLanes<T>] = {};
      std::copy(grad + begin * n, grad + begin * n + count, g);
      std::copy(places + begin * n, places + begin * n + count, chosen);
      spread_pairs(g, chosen, kLanes<T>, top, bottom);
    }
    for (int64_t r = begin; r < end; ++r) {
      T* to = dx.row(r / rows, 2 * (r % rows));
      T* below = to + dx.row_stride;
      if (direct) {
        spread_pairs(grad + r * n, places + r * n, n, to, below);
      } else {
        std::memcpy(to, top + 2 * n * (r - begin), static_cast<size_t>(2 * n) * sizeof(T));
        std::memcpy(below, bottom + 2 * n * (r - begin), static_cast<size_t>(2 * n) * sizeof(T));
      }
      std::fill(to + 2 * n, to + 2 * n + rest, T(0));
      std::fill(below + 2 * n, below + 2 * n + rest, T(0));
      if (r % rows == rows - 1 && 2 * rows < dx.rows)
        std::fill(below + dx.row_stride, below + dx.row_stride + dx.columns, T(0));
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

template <class T, class Stored>
void spread_any(In grad, In places, const Windows2d& w, Out da) {
  const Planes<const T> g(grad);
  const Planes<const Stored> where(places);
  const Steps<const Stored> steps(w);
  const Planes<T> dx(da);
  const int64_t size = dx.rows * dx.columns;
  parallel_ranges(dx.count, std::max<int64_t>(1, kPlaneTask / size), [&](int64_t first, int64_t last) {
    Scratch<T> sums(size);
    for (int64_t plane = first; plane < last; ++plane) {
      std::fill(sums.data(), sums.data() + size, T(0));
      const T* from = g[plane];
      for_each_chosen(w, steps, where, plane, dx.columns, 1, [&](int64_t r, int64_t o, bool inside, int64_t offset) {
        if (inside) sums[offset] += from[r * g.row_stride + o * g.stride];
      });
      for (int64_t r = 0; r < dx.rows; ++r) {
        T* to = dx.row(plane, r);
        for (int64_t i = 0; i < dx.columns; ++i) to[i * dx.stride] = sums[r * dx.columns + i];
      }
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
