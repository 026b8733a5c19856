// The greatest or least element of each row with its place: values[r] = a[r, indices[r]], the first of equals, a NaN
// before every number; and the kernels that carry gradients back to it. Memory bound: 1 comparison an element.
//
// Lanes keep a best element each with its place and are compared at the row's end. Places are integers of the
// element's width, so a row is cut into pieces whose places fit. Rows that lie side by side take a lane each.
#include "kernels/extremum.h"

#include "core/memory.h"
#include "core/parallel.h"
#include "cpu/softmax_short.h"

namespace pe {

namespace {

constexpr int64_t kPiece = int64_t{1} << 30;

template <class T>
using Places = Vec<cpu::SignedOf<sizeof(T)>>;

// Whether x is to be chosen and not `best`, which came before it. For numbers and lane by lane.
template <bool kGreatest, class V>
inline auto beats(V x, V best) {
  return (kGreatest ? x > best : x < best) | ((x != x) & (best == best));
}

template <class T>
struct Found {
  T value;
  int64_t place;
};

// Elements [begin, end) of a row one by one, after `found`.
template <bool kGreatest, class T>
Found<T> search_by_one(const T* x, int64_t stride, int64_t begin, int64_t end, Found<T> found) {
  for (int64_t i = begin; i < end; ++i) {
    const T v = x[i * stride];
    if (beats<kGreatest>(v, found.value)) found = {v, i};
  }
  return found;
}

// 1 <= n <= kPiece elements side by side.
template <bool kGreatest, class T>
Found<T> search(const T* x, int64_t n) {
  using Place = cpu::SignedOf<sizeof(T)>;
  constexpr int W = kLanes<T>;
  if (n < 2 * W) return search_by_one<kGreatest>(x, 1, 1, n, Found<T>{x[0], 0});
  Places<T> place = cpu::detail::lane_numbers<Places<T>>(std::make_index_sequence<W>{}), here = place;
  Vec<T> best = load(x);
  int64_t i = W;
  for (; i + W <= n; i += W) {
    const Vec<T> v = load(x + i);
    here += static_cast<Place>(W);
    const auto better = beats<kGreatest>(v, best);
    best = select(better, v, best);
    place = select(better, here, place);
  }
  T values[W];
  Place places[W];
  std::memcpy(values, &best, sizeof(best));
  std::memcpy(places, &place, sizeof(place));
  Found<T> found{values[0], places[0]};
  for (int l = 1; l < W; ++l) {
    const bool first = places[l] < found.place;
    const bool equal = values[l] == found.value || (values[l] != values[l] && found.value != found.value);
    if (beats<kGreatest>(values[l], found.value) || (equal && first)) found = {values[l], places[l]};
  }
  return search_by_one<kGreatest>(x, 1, i, n, found);
}

template <bool kGreatest, class T>
Found<T> search_row(const T* x, int64_t stride, int64_t n) {
  if (stride != 1) return search_by_one<kGreatest>(x, stride, 1, n, Found<T>{x[0], 0});
  Found<T> found = search<kGreatest>(x, std::min(n, kPiece));
  for (int64_t begin = kPiece; begin < n; begin += kPiece) {
    const Found<T> next = search<kGreatest>(x + begin, std::min(n - begin, kPiece));
    if (beats<kGreatest>(next.value, found.value)) found = {next.value, begin + next.place};
  }
  return found;
}

// kLanes rows side by side, each in its lane; n <= kPiece.
template <bool kGreatest, class T>
void search_tile(Tile<const T> x, int64_t n, T* values, cpu::SignedOf<sizeof(T)>* places) {
  using Place = cpu::SignedOf<sizeof(T)>;
  Vec<T> best = load(x[0]);
  Places<T> place{};
  for (int64_t j = 1; j < n; ++j) {
    const Vec<T> v = load(x[j]);
    const auto better = beats<kGreatest>(v, best);
    best = select(better, v, best);
    place = select(better, static_cast<Place>(j) - Places<T>{}, place);
  }
  store(values, best);
  store(places, place);
}

template <bool kGreatest, class T>
void extremum(In a, Out values, Out indices) {
  constexpr int W = kLanes<T>;
  const Rows<const T> x(a);
  const Rows<T> value(as_column(values));
  const Rows<int64_t> index(as_column(indices));
  if (x.count == 0) return;
  const auto put = [&](int64_t r, T best, int64_t place) {
    *value[r] = best;
    *index[r] = place;
  };
  parallel_ranges(x.count, rows_per_task<T>(x.length), [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last;) {
      if (side_by_side(x, r) && last - r >= W && x.length <= kPiece) {
        T best[W];
        cpu::SignedOf<sizeof(T)> place[W];
        search_tile<kGreatest, T>({x[r], x.stride}, x.length, best, place);
        for (int l = 0; l < W; ++l, ++r) put(r, best[l], place[l]);
        continue;
      }
      const Found<T> found = search_row<kGreatest>(x[r], x.stride, x.length);
      put(r++, found.value, found.place);
    }
  });
}

template <bool kGreatest>
void extremum(In a, Out values, Out indices) {
  if (a.dtype == DType::f32) return extremum<kGreatest, float>(a, values, indices);
  if (a.dtype == DType::f64) return extremum<kGreatest, double>(a, values, indices);
  extremum<kGreatest, int64_t>(a, values, indices);
}

template <class T>
void shares(In a, In y, Out out) {
  const Rows<const T> x(a), best(as_column(y));
  const Rows<T> to(out);
  parallel_ranges(x.count, rows_per_task<T>(x.length), [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) {
      const T *from = x[r], wanted = *best[r];
      T* share = to[r];
      const auto equal = [&](int64_t i) {
        const T v = from[i * x.stride];
        return (v == wanted) | ((v != v) & (wanted != wanted));
      };
      int64_t count = 0;
      for (int64_t i = 0; i < x.length; ++i) count += equal(i);
      const T part = T(1) / static_cast<T>(count);
      for (int64_t i = 0; i < x.length; ++i) share[i * to.stride] = equal(i) ? part : T(0);
    }
  });
}

void check_places(const Rows<const int64_t>& index, int64_t length) {
  for (int64_t r = 0; r < index.count; ++r) {
    if (static_cast<uint64_t>(*index[r]) >= static_cast<uint64_t>(length))
      throw ShapeError("index " + std::to_string(*index[r]) + " of row " + std::to_string(r) +
                       " is outside an axis of " + std::to_string(length));
  }
}

template <class T>
void take(In a, const Rows<const int64_t>& index, Out out) {
  const Rows<const T> x(a);
  const Rows<T> to(as_column(out));
  parallel_ranges(x.count, 16384, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) *to[r] = x[r][*index[r] * x.stride];
  });
}

template <class T>
void put(In grad, const Rows<const int64_t>& index, Out out) {
  const Rows<const T> from(as_column(grad));
  const Rows<T> to(out);
  parallel_ranges(to.count, rows_per_task<T>(to.length), [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) {
      T* row = to[r];
      for (int64_t i = 0; i < to.length; ++i) row[i * to.stride] = T(0);
      row[*index[r] * to.stride] = *from[r];
    }
  });
}

}  // namespace

void max(In a, Out values, Out indices) { extremum<true>(a, values, indices); }
void min(In a, Out values, Out indices) { extremum<false>(a, values, indices); }

void extremum_shares(In a, In y, Out out) {
  a.dtype == DType::f32 ? shares<float>(a, y, out) : shares<double>(a, y, out);
}

void take_last(In a, In index, Out out) {
  const Rows<const int64_t> places(as_column(index));
  check_places(places, a.shape[a.ndim - 1]);
  if (a.dtype == DType::f32) return take<float>(a, places, out);
  if (a.dtype == DType::f64) return take<double>(a, places, out);
  take<int64_t>(a, places, out);
}

void put_last(In grad, In index, const Ints& length, Out out) {
  const Rows<const int64_t> places(as_column(index));
  check_places(places, length.values[0]);
  if (grad.dtype == DType::f32) return put<float>(grad, places, out);
  if (grad.dtype == DType::f64) return put<double>(grad, places, out);
  put<int64_t>(grad, places, out);
}

}  // namespace pe
