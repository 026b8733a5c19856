// sort, topk: the elements along one axis in order, and their positions. n log n comparisons, or 4 to 8 passes over n
// items.
//
// The idea: each element becomes an unsigned integer with the same order, NaN the greatest, inverted where the order
// falls, and its position is kept beside it. No two such items are equal, so any correct algorithm gives the one stable
// order: short lines by comparisons, long ones by counting, byte after byte from the lowest (LSD radix sort), which
// skips bytes that all share. topk puts the k first items in front before it sorts those alone. Lines are shared among
// threads; a single line is sorted by one.
#include "kernels/sort.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "core/memory.h"
#include "cpu/loops.h"

namespace pe {

namespace {

constexpr int64_t kCounting = 512;  // items from which on counting is faster than comparing

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
  NarrowItem(uint32_t rank, int64_t position) : bits(uint64_t{rank} << 32 | static_cast<uint64_t>(position)) {}
  int64_t position() const { return static_cast<int64_t>(bits & 0xFFFFFFFF); }
  uint8_t byte(int i) const { return static_cast<uint8_t>(bits >> (32 + 8 * i)); }
  bool operator<(const NarrowItem& other) const { return bits < other.bits; }
};

struct WideItem {
  uint64_t rank;
  int64_t at;
  static constexpr int kBytes = 8;

  WideItem() = default;
  WideItem(uint64_t rank_, int64_t position) : rank(rank_), at(position) {}
  int64_t position() const { return at; }
  uint8_t byte(int i) const { return static_cast<uint8_t>(rank >> (8 * i)); }
  bool operator<(const WideItem& other) const { return rank != other.rank ? rank < other.rank : at < other.at; }
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
  cpu::Walk walk;  // over the other axes, for values, indices and a
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
    walk = cpu::collapse(arrays, 3);
  }
};

// The first lines.count items of each line in order, by rank or by inverted rank.
template <class T, class Item>
void order_lines(const Lines& lines, bool falling) {
  const int64_t n = lines.length, k = lines.count;
  cpu::parallel_rows(
      lines.walk, std::max<int64_t>(1, cpu::kBlock / n), [&](char* const* row, int64_t first, int64_t last) {
        Scratch<Item> buffers(k == n && n >= kCounting ? 2 * n : n);
        for (int64_t line = first; line < last; ++line) {
          const char* a = row[2] + line * lines.walk.inner_stride(2);
          const auto element = [&](int64_t i) { return *reinterpret_cast<const T*>(a + i * lines.steps[2]); };
          Item* items = buffers.data();
          for (int64_t i = 0; i < n; ++i) {
            const auto order = rank(element(i));
            items[i] = Item(falling ? static_cast<decltype(order)>(~order) : order, i);
          }
          if (k < n) std::nth_element(items, items + k, items + n);
          if (k == n && n >= kCounting) {
            items = sort_by_counting(items, items + n, n);
          } else {
            std::sort(items, items + k);
          }
          char* values = row[0] + line * lines.walk.inner_stride(0);
          char* indices = row[1] + line * lines.walk.inner_stride(1);
          for (int64_t i = 0; i < k; ++i) {
            *reinterpret_cast<T*>(values + i * lines.steps[0]) = element(items[i].position());
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
