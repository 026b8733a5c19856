// Items of lines put in order, the same for any line: what sort, topk and the adding of index_add and scatter_add
// share.
//
// An item is an unsigned integer that orders as the element does, and its position; no two items are equal, so that any
// correct algorithm gives the one stable order. Runs in order are merged pairwise: an item's place is its number in its
// own run and, found by bisection, the number of items in the other run before it. A block does so in shared memory
// with kTile items, one tile of a long line or several short lines at once, and then with kTile items of the result of
// two longer runs, having found by bisection which ones these are. Where only the first k items are wanted, no run
// keeps more.
#pragma once

#include <bit>

#include "cuda/rows.h"
#include "cuda/scratch.h"

namespace pe::cuda {

// An unsigned integer that orders as the element does; NaN is the greatest, -0.0 is 0.0.
__device__ inline uint32_t rank_of(float x) {
  uint32_t bits;
  const float value = x + 0.0f;
  memcpy(&bits, &value, sizeof(bits));
  return x != x ? ~uint32_t{0} : bits ^ (bits >> 31 ? ~uint32_t{0} : uint32_t{1} << 31);
}
__device__ inline uint64_t rank_of(double x) {
  uint64_t bits;
  const double value = x + 0.0;
  memcpy(&bits, &value, sizeof(bits));
  return x != x ? ~uint64_t{0} : bits ^ (bits >> 63 ? ~uint64_t{0} : uint64_t{1} << 63);
}
__device__ inline uint64_t rank_of(int64_t x) {
  return static_cast<uint64_t>(x) ^ uint64_t { 1 } << 63;
}

// A rank of 32 bits above a position of 32 bits, and both of 64 bits. past(): after all items.
struct NarrowItem {
  uint64_t bits;
  static constexpr int64_t kMost = int64_t{1} << 32;

  __device__ static NarrowItem of(uint32_t rank, int64_t at) {
    return {uint64_t{rank} << 32 | static_cast<uint64_t>(at)};
  }
  __device__ static NarrowItem past() { return {~uint64_t{0}}; }
  __device__ int64_t position() const { return static_cast<int64_t>(bits & 0xFFFFFFFF); }
  __device__ uint64_t rank() const { return bits >> 32; }
  __device__ bool before(NarrowItem other) const { return bits < other.bits; }
};

struct alignas(16) WideItem {
  uint64_t order, at;

  __device__ static WideItem of(uint64_t rank, int64_t at) { return {rank, static_cast<uint64_t>(at)}; }
  __device__ static WideItem past() { return {~uint64_t{0}, ~uint64_t{0}}; }
  __device__ int64_t position() const { return static_cast<int64_t>(at); }
  __device__ uint64_t rank() const { return order; }
  __device__ bool before(WideItem other) const { return order != other.order ? order < other.order : at < other.at; }
};

inline constexpr int kTile = 1024;  // items that a block sorts or merges at once

// How many of `n` items in order, a power of 2, come before `item`; or are equal to it, if those are to come first too.
template <class Item>
__device__ int count_of_run(const Item* items, int n, Item item, bool or_equal) {
  const auto precedes = [&](Item other) { return or_equal ? !item.before(other) : other.before(item); };
  int count = 0;
  for (int step = n / 2; step > 0; step /= 2)
    if (precedes(items[count + step - 1])) count += step;
  return count + precedes(items[count]);
}

// The items of `size` (a power of 2) neighbours each in order, for all kTile items of a block. Runs of 1, 2, 4, … items
// are merged: an item's place is its number in its own run and the number of items in the other run before it.
template <class Item>
__device__ void sort_tile(Item* items, int size) {
  constexpr int kEach = kTile / kThreads;
  __syncthreads();
  for (int run = 1; run < size; run *= 2) {
    Item own[kEach];
    int place[kEach];
#pragma unroll
    for (int j = 0; j < kEach; ++j) {
      const int slot = static_cast<int>(threadIdx.x) + j * kThreads, first = slot & -run, pair = slot & (-2 * run);
      own[j] = items[slot];
      // what fills up a tile is equal: of the first run before that of the second
      place[j] = pair + slot - first + count_of_run(items + (first ^ run), run, own[j], first != pair);
    }
    // 2 · run items of at most 32 belong to one warp
    if (2 * run <= kWarp) {
      __syncwarp();
    } else {
      __syncthreads();
    }
#pragma unroll
    for (int j = 0; j < kEach; ++j) items[place[j]] = own[j];
    if (2 * run < kWarp) {
      __syncwarp();
    } else {
      __syncthreads();
    }
  }
  __syncthreads();
}

// How many of n items in order come before `item`.
template <class Item>
__device__ int64_t count_before(const Item* items, int64_t n, Item item) {
  int64_t low = 0;
  while (n > 0) {
    const int64_t half = n / 2;
    if (items[low + half].before(item)) {
      low += half + 1;
      n -= half + 1;
    } else {
      n = half;
    }
  }
  return low;
}

// How many of the first `place` items of two merged runs of n items are from `a`.
template <class Item>
__device__ int64_t split(const Item* a, const Item* b, int64_t n, int64_t place) {
  int64_t low = place > n ? place - n : 0, high = place < n ? place : n;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (b[place - 1 - middle].before(a[middle])) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

// Runs of `length` items each, `runs` of a line, become half as many of `kept` items, the first of two merged runs (or
// of one, filled up, where the number is odd; so only the last run of a line is ever filled up). A block makes kTile
// items.
template <class Item>
__global__ void __launch_bounds__(kThreads)
    merge_runs(const Item* from, Item* to, int64_t runs, int64_t length, int64_t kept) {
  __shared__ Item items[kTile];
  __shared__ int64_t borders[2];
  const int64_t pieces = ceil_div(kept, kTile), after = (runs + 1) / 2;
  const int64_t pair = blockIdx.x / pieces, begin = (blockIdx.x - pair * pieces) * kTile;
  const int64_t line = pair / after, first = 2 * (pair - line * after);
  const int64_t end = begin + kTile < kept ? begin + kTile : kept;
  const Item* a = from + (line * runs + first) * length;
  Item* result = to + pair * kept;
  if (first + 1 == runs) {
    for (int64_t i = begin + threadIdx.x; i < end; i += kThreads) result[i] = i < length ? a[i] : Item::past();
    return;
  }
  const Item* b = a + length;
  if (threadIdx.x == 0) borders[0] = split(a, b, length, begin);
  if (threadIdx.x == kWarp) borders[1] = split(a, b, length, end);
  __syncthreads();
  const int64_t a_begin = borders[0], a_end = borders[1];
  const int from_a = static_cast<int>(a_end - a_begin), all = static_cast<int>(end - begin);
  const int64_t b_begin = begin - a_begin;
  for (int i = static_cast<int>(threadIdx.x); i < all; i += kThreads)
    items[i] = i < from_a ? a[a_begin + i] : b[b_begin + i - from_a];
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < all; i += kThreads) {
    const Item item = items[i];
    const int64_t place = i < from_a ? i + count_before(items + from_a, all - from_a, item)
                                     : i - from_a + count_before(items, from_a, item);
    result[begin + place] = item;
  }
}

// source.item(line, i) of each line's n items in order, tile by tile: the first `kept` of each tile into runs.
template <class Item, class Source>
__global__ void __launch_bounds__(kThreads)
    sort_tiles(Source source, int64_t lines, int64_t n, int64_t tiles, int size, int64_t kept, Item* runs) {
  __shared__ Item items[kTile];
  const int64_t per_block = kTile / size, first = blockIdx.x * per_block;  // of all tiles of all lines
  for (int slot = static_cast<int>(threadIdx.x); slot < kTile; slot += kThreads) {
    const int64_t tile = first + slot / size, line = tile / tiles;
    const int64_t i = (tile - line * tiles) * size + slot % size;
    items[slot] = line < lines && i < n ? source.item(line, i) : Item::past();
  }
  sort_tile(items, size);
  for (int slot = static_cast<int>(threadIdx.x); slot < kTile; slot += kThreads) {
    const int64_t tile = first + slot / size, i = slot % size;
    if (tile < lines * tiles && i < kept) runs[tile * kept + i] = items[slot];
  }
}

// The first k items of each line in order: two buffers, of which first() holds them afterwards, k a line.
template <class Item>
class OrderedLines {
 public:
  // 1 <= k <= n
  template <class Source>
  OrderedLines(const Source& source, int64_t lines, int64_t n, int64_t k)
      : size_(tile_of(n)),
        tiles_(ceil_div(n, size_)),
        kept_(std::min<int64_t>(k, size_)),
        items_(lines * capacity() * kept_),
        spare_(tiles_ > 1 ? lines * capacity() * kept_ : 0) {
    const auto blocks = static_cast<unsigned>(ceil_div(lines * tiles_, kTile / size_));
    enqueue(sort_tiles<Item, Source>, blocks, kThreads)(source, lines, n, tiles_, size_, kept_, items_.data());
    Item *from = items_.data(), *to = spare_.data();
    while (tiles_ > 1) {
      const int64_t kept = std::min(2 * kept_, k), after = ceil_div(tiles_, 2);
      enqueue(merge_runs<Item>, static_cast<unsigned>(lines * after * ceil_div(kept, kTile)), kThreads)(
          from, to, tiles_, kept_, kept);
      std::swap(from, to);
      tiles_ = after;
      kept_ = kept;
    }
    first_ = from;
  }

  const Item* first() const { return first_; }

 private:
  // Tiles of a line, filled up so that runs of 2, 4, 8, … tiles fit.
  int64_t capacity() const { return static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(tiles_))); }
  static int tile_of(int64_t n) {
    return n >= kTile ? kTile : static_cast<int>(std::bit_ceil(static_cast<uint64_t>(n)));
  }

  int size_;              // of a tile
  int64_t tiles_, kept_;  // runs of a line, items of a run
  DeviceScratch<Item> items_, spare_;
  const Item* first_;
};

}  // namespace pe::cuda
