// Elements put, or added, to places that may be the same for several of them: what index_put, index_add, scatter and
// scatter_add share. Nothing is atomic; the result has the same bits every time, those of taking all in their order.
//
// Few of them, or many groups that meet no other's places: a thread takes those of a group one after the other. Else
// they are sorted by their places, stably (order_lines.h), and a thread takes all of one place: log n passes over 16
// bytes for each of n, and then each element is read once and each place written once. The longest chain of additions
// is that of the place which is met most often.
#pragma once

#include "cuda/index_layout.h"
#include "cuda/order_lines.h"

namespace pe::cuda {

struct Assign {
  static constexpr bool kSum = false;
  template <class T>
  __device__ void operator()(T& to, T from) const {
    to = from;
  }
};

struct Accumulate {
  static constexpr bool kSum = true;
  template <class T>
  __device__ void operator()(T& to, T from) const {
    to += from;
  }
};

// places(i): where number i goes and comes from, or kNowhere; numbers group · steps … group · steps + steps - 1 in this
// order. Each stands for all elements of `runs`.
template <class T, class F, class Places>
__global__ void __launch_bounds__(kThreads, 4)
    deposit_in_order(Places places, Runs runs, int64_t groups, int64_t steps, char* whole, const char* part, F f) {
  for (int64_t at = grid_thread(); at < groups * runs.count; at += grid_threads()) {
    const int64_t group = at / runs.count;
    const Place run = runs.at(at - group * runs.count);
    for (int64_t i = group * steps; i < (group + 1) * steps; ++i) {
      const Place place = places(i);
      if (place.whole == kNowhere) continue;
      f(*reinterpret_cast<T*>(whole + place.whole + run.whole),
        *reinterpret_cast<const T*>(part + place.part + run.part));
    }
  }
}

template <class Places>
struct PlaceItems {
  Places places;
  __device__ WideItem item(int64_t, int64_t i) const { return WideItem::of(static_cast<uint64_t>(places(i).whole), i); }
};

// Items in order of their places. The thread of the first item of a place adds all of them up; that of the last puts.
template <class T, class F, class Places>
__global__ void __launch_bounds__(kThreads, 4)
    deposit_sorted(Places places, Runs runs, const WideItem* items, int64_t count, char* whole, const char* part, F f) {
  for (int64_t at = grid_thread(); at < count * runs.count; at += grid_threads()) {
    int64_t i = at / runs.count;
    const uint64_t place = items[i].rank();
    const int64_t neighbour = F::kSum ? i - 1 : i + 1;
    const bool inside = neighbour >= 0 && neighbour < count;
    if (place == static_cast<uint64_t>(kNowhere) || (inside && items[neighbour].rank() == place)) continue;
    const Place run = runs.at(at - i * runs.count);
    T result{};
    do {
      f(result, *reinterpret_cast<const T*>(part + places(items[i].position()).part + run.part));
      ++i;
    } while (F::kSum && i < count && items[i].rank() == place);
    *reinterpret_cast<T*>(whole + static_cast<int64_t>(place) + run.whole) = result;
  }
}

template <class T, class F, class Places>
void deposit(const Places& places, const Runs& runs, int64_t groups, int64_t steps, In whole, In part, F f) {
  constexpr int64_t kFewSteps = 64, kManyGroups = 4096;
  if (steps <= kFewSteps || groups >= kManyGroups)
    return enqueue(deposit_in_order<T, F, Places>, blocks_for(groups * runs.count, kThreads), kThreads)(
        places, runs, groups, steps, whole.as<char>(), part.as<const char>(), f);
  const int64_t count = groups * steps;
  const OrderedLines<WideItem> ordered(PlaceItems<Places>{places}, 1, count, count);
  enqueue(deposit_sorted<T, F, Places>, blocks_for(count * runs.count, kThreads), kThreads)(
      places, runs, ordered.first(), count, whole.as<char>(), part.as<const char>(), f);
}

}  // namespace pe::cuda
