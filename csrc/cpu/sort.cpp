// sort, topk: the elements along one axis in order, and their positions. n log n comparisons, or 4 to 8 passes over n
// items.
//
// The idea: each element becomes an unsigned integer with the same order, NaN the greatest, inverted where the order
// falls, and its position is kept beside it. No two such items are equal, so any correct algorithm gives the one stable
// order: short lines by comparisons, long ones by counting, byte after byte from the lowest (LSD radix sort), which
// skips bytes that all share. topk finds a few elements in one pass (select_first.h), puts many in front of the others,
// and sorts those alone. Lines are shared among threads; a single line is sorted by one.
#include "kernels/sort.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "core/memory.h"
#include "cpu/gather.h"
#include "cpu/loops.h"
#include "cpu/select_first.h"

namespace pe {

namespace {

constexpr int64_t kCounting = 512;  // items from which on counting is faster than comparing

// Whether so few elements are wanted that one pass finds them.
bool selects(int64_t n, int64_t k) { return k <= n / 4; }

int64_t buffer_size(int64_t n, int64_t k) {
  if (selects(n, k)) return cpu::select_buffer(k);
  return k == n && n >= kCounting ? 2 * n : n;
}

// An unsigned integer that orders as the element does.
inline uint32_t rank(float x) {
  const auto bits = std::bit_cast<uint32_t>(x + 0.0f);  // -0.0 becomes 0.0
  return x != x ? ~uint32_t{0} : bits ^ (bits >> 31 ? ~uint32_t{0} : uint32_t{1} << 31);
}

inline uint64_t rank(double x) {
  const auto bits = std::bit_cast<uint64_t>(x + 0.0);
  return x != x ? ~uint64_t{0} : bits ^ (bits >> 63 ? ~uint64_t{0} : uint64_t{1} << 63);
}

inline uint64_t rank(int64_t x) {
  return static_cast<uint64_t>(x) ^ uint64_t { 1 } << 63;
}

// A rank of 32 bits above a position of 32 bits.
struct NarrowItem {
  uint64_t bits;
  static constexpr int kBytes = 4;
  static constexpr int64_t kMost = int64_t{1} << 32;

  NarrowItem() = default;
  NarrowItem(uint32_t order, int64_t position) : bits(uint64_t{order} << 32 | static_cast<uint64_t>(position)) {}
  int64_t position() const { return static_cast<int64_t>(bits & 0xFFFFFFFF); }
  uint32_t rank() const { return static_cast<uint32_t>(bits >> 32); }
  uint8_t byte(int i) const { return static_cast<uint8_t>(bits >> (32 + 8 * i)); }
  bool operator<(const NarrowItem& other) const { return bits < other.bits; }
};

struct WideItem {
  uint64_t order;
  int64_t at;
  static constexpr int kBytes = 8;

  WideItem() = default;
  WideItem(uint64_t order_, int64_t position) : order(order_), at(position) {}
  int64_t position() const { return at; }
  uint64_t rank() const { return order; }
  uint8_t byte(int i) const { return static_cast<uint8_t>(order >> (8 * i)); }
  bool operator<(const WideItem& other) const { return order != other.order ? order < other.order : at < other.at; }
};

// Sorts items whose positions rise by their ranks. Returns which of the two buffers holds the result.
template <class Item>
Item* sort_by_counting(Item* items, Item* spare, int64_t n) {
  int64_t counts[Item::kBytes][256] = {};
  for (int64_t i = 0; i < n; ++i)
    for (int b = 0; b < Item::kBytes; ++b) ++counts[b][items[i].byte(b)];
  for (int b = 0; b < Item::kBytes; ++b) {
    if (counts[b][items[0].byte(b)] == n) continue;
    int64_t place = 0;
    for (int64_t& count : counts[b]) {
      const int64_t next = place + count;
      count = place;
      place = next;
    }
    for (int64_t i = 0; i < n; ++i) spare[counts[b][items[i].byte(b)]++] = items[i];
    std::swap(items, spare);
  }
  return items;
}

struct Lines {
  Walk walk;  // over the other axes, for values, indices and a
  int64_t count, length;
  int64_t steps[3];  // along the lines, in bytes

  Lines(In a, int64_t named_axis, In values, In indices) {
    const int axis = static_cast<int>(named_axis < 0 ? named_axis + a.ndim : named_axis);
    count = values.shape[axis];
    length = a.shape[axis];
    Array others[3] = {values, indices, a};
    for (int i = 0; i < 3; ++i) {
      Array& other = others[i];
      steps[i] = other.strides[axis] * itemsize(other.dtype);
      std::copy(other.shape + axis + 1, other.shape + other.ndim, other.shape + axis);
      std::copy(other.strides + axis + 1, other.strides + other.ndim, other.strides + axis);
      --other.ndim;
    }
    const Array* const arrays[] = {&others[0], &others[1], &others[2]};
    walk = collapse(arrays, 3);
  }
};

// Lines whose elements do not lie side by side, copied a few at a time: lines that themselves lie side by side share
// the cache lines that they are read from.
template <class T>
class DenseLines {
 public:
  static constexpr int64_t kAtOnce = 16;

  // Lines [first, last) of a row of the walk, which starts at `row`.
  DenseLines(const Lines& lines, const char* row, int64_t first, int64_t last)
      : lines_(lines),
        row_(row),
        first_(first),
        last_(last),
        dense_(lines.steps[2] == sizeof(T)),
        copies_(dense_ ? 0 : kAtOnce * lines.length + cpu::kGatherSlack) {}

  // To be asked for line after line.
  const T* operator[](int64_t line) {
    const int64_t step = lines_.walk.inner_stride(2), n = lines_.length, here = (line - first_) % kAtOnce;
    const char* from = row_ + line * step;
    if (dense_) return reinterpret_cast<const T*>(from);
    if (here == 0)
      cpu::gather(reinterpret_cast<char*>(copies_.data()), n * static_cast<int64_t>(sizeof(T)), from, step,
                  lines_.steps[2], std::min(kAtOnce, last_ - line), n, sizeof(T));
    return copies_.data() + here * n;
  }

 private:
  const Lines& lines_;
  const char* row_;
  int64_t first_, last_;
  bool dense_;
  Scratch<T> copies_;
};

// Puts the k first of n elements in order into items, of which there are buffer_size(n, k). Returns where they start.
template <class T, class Item>
Item* order_line(const T* x, int64_t n, int64_t k, bool falling, Item* items) {
  if (selects(n, k)) {
    cpu::select_first(x, n, k, falling, items);
  } else {
    for (int64_t i = 0; i < n; ++i) {
      const auto order = rank(x[i]);
      items[i] = Item(falling ? static_cast<decltype(order)>(~order) : order, i);
    }
    if (k == n && n >= kCounting) return sort_by_counting(items, items + n, n);
    if (k < n) std::nth_element(items, items + k, items + n);
  }
  std::sort(items, items + k);
  return items;
}

// The first lines.count items of each line in order, by rank or by inverted rank.
template <class T, class Item>
void order_lines(const Lines& lines, bool falling) {
  const int64_t n = lines.length, k = lines.count;
  const int64_t at_once = std::max(cpu::kBlock / n, lines.steps[2] == sizeof(T) ? 1 : DenseLines<T>::kAtOnce);
  cpu::parallel_rows(lines.walk, at_once, [&](char* const* row, int64_t first, int64_t last) {
    Scratch<Item> buffer(buffer_size(n, k));
    DenseLines<T> a(lines, row[2], first, last);
    for (int64_t line = first; line < last; ++line) {
      const T* x = a[line];
      const Item* items = order_line(x, n, k, falling, buffer.data());
      char* values = row[0] + line * lines.walk.inner_stride(0);
      char* indices = row[1] + line * lines.walk.inner_stride(1);
      for (int64_t i = 0; i < k; ++i) {
        *reinterpret_cast<T*>(values + i * lines.steps[0]) = x[items[i].position()];
        *reinterpret_cast<int64_t*>(indices + i * lines.steps[1]) = items[i].position();
      }
    }
  });
}

void order(In a, int64_t axis, bool falling, Out values, Out indices) {
  if (values.size() == 0) return;
  const Lines lines(a, axis, values, indices);
  if (a.dtype == DType::f64) return order_lines<double, WideItem>(lines, falling);
  if (a.dtype == DType::i64) return order_lines<int64_t, WideItem>(lines, falling);
  if (lines.length < NarrowItem::kMost) return order_lines<float, NarrowItem>(lines, falling);
  order_lines<float, WideItem>(lines, falling);
}

}  // namespace

void sort(In a, const Ints& axis, bool descending, Out values, Out indices) {
  order(a, axis.values[0], descending, values, indices);
}

void topk(In a, const Ints&, const Ints& axis, bool largest, Out values, Out indices) {
  order(a, axis.values[0], largest, values, indices);
}

}  // namespace pe
