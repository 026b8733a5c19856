// Sums at positions of a result larger than the caches, which is then written once and never read.
#pragma once

#include <algorithm>

#include "cpu/index_layout.h"
#include "cpu/loops.h"
#include "cpu/streams.h"

namespace pe::cpu {

// Whether each tuple of positions stands for one run of a dense `whole` that is made of such runs and outgrows the
// caches.
inline bool is_table(const IndexLayout& layout, In whole) {
  return layout.whole_runs.ndim == 0 && layout.whole_step == 1 && layout.part_step == 1 && is_contiguous(whole) &&
         layout.run >= kStreamLine / itemsize(whole.dtype) && outgrows_caches(whole.size() * itemsize(whole.dtype));
}

// The tuples by the place that they stand for; those of a place in their order.
class TuplesByPlace {
 public:
  TuplesByPlace(const IndexLayout& layout, int64_t places) : begin_(places + 1), tuples_(layout.count) {
    int64_t* begin = begin_.data();
    std::fill_n(begin, places + 1, int64_t{0});
    for (int64_t j = 0; j < layout.count; ++j) ++begin[layout.whole_at.data()[j] / layout.run];
    for (int64_t place = 0, before = 0; place <= places; ++place) before = begin[place] += before;  // where each ends
    for (int64_t j = layout.count; j-- > 0;) tuples_[--begin[layout.whole_at.data()[j] / layout.run]] = j;
  }

  const int64_t* begin(int64_t place) const { return tuples_.data() + begin_.data()[place]; }
  const int64_t* end(int64_t place) const { return begin(place + 1); }

 private:
  Scratch<int64_t> begin_;  // of each place, the first of its tuples in tuples_
  Scratch<int64_t> tuples_;
};

inline constexpr char kZeros[kStreamLine] = {};

// whole = 0, with the runs of part added at their places. Threads share the places, so a sum keeps the order of the
// positions. What nothing is added to is written past the caches.
template <class T>
void sum_by_place(const IndexLayout& layout, T* whole, int64_t size, const T* part) {
  const int64_t run = layout.run, places = size / run;
  const TuplesByPlace tuples(layout, places);
  parallel_ranges(places, std::max<int64_t>(1, kBlock / run), [&](int64_t first, int64_t last) {
    for (int64_t place = first; place < last;) {
      const int64_t empty = place;
      while (place < last && tuples.begin(place) == tuples.end(place)) ++place;
      stream_fill(whole + empty * run, kZeros, (place - empty) * run * static_cast<int64_t>(sizeof(T)));
      if (place == last) return;
      T* to = whole + place * run;
      std::fill_n(to, run, T{0});
      for (const int64_t *tuple = tuples.begin(place), *end = tuples.end(place); tuple < end; ++tuple) {
        const T* from = part + layout.part_at.data()[*tuple];
        for (int64_t i = 0; i < run; ++i) to[i] += from[i];
      }
      ++place;
    }
  });
}

}  // namespace pe::cpu
