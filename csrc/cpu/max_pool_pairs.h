// max_pool2d with windows of 2×2 at a stride of 2, where the image is made of whole windows that lie side by side.
//
// Pairs of columns are sorted in registers: two vectors of a row hold the left and right elements of one vector of
// windows. Rows with fewer windows than lanes are joined, many to one, and so are their results, which lie side by side
// anyway.
#pragma once

#include "cpu/lanes.h"
#include "cpu/windows.h"

namespace pe {

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

inline bool is_pairs(const Windows& w) {
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

inline constexpr int64_t kJoined = 1024;  // windows that are joined at a time

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

}  // namespace pe
