// Cooperative groups over a block and over tiles of a warp. Kernels include <cooperative_groups.h>, which in
// cudasim/include leads here. Groups of several blocks are left out: blocks need not be there at the same time.
#pragma once

#include "cudasim/cudasim.h"

namespace cooperative_groups {

class thread_block {
 public:
  __forceinline__ void sync() const { cudasim::block_barrier(-2); }
  unsigned thread_rank() const { return cudasim::current.thread->linear; }
  unsigned num_threads() const {
    const dim3 block = blockDim;
    return block.x * block.y * block.z;
  }
  unsigned size() const { return num_threads(); }
  dim3 group_index() const { return blockIdx; }
  dim3 thread_index() const { return threadIdx; }
  dim3 dim_threads() const { return blockDim; }
};

inline thread_block this_thread_block() { return {}; }

// `Size` neighbouring lanes of a warp, a power of 2.
template <unsigned Size>
class thread_block_tile {
  static_assert(Size >= 1 && Size <= 32 && (Size & (Size - 1)) == 0, "a tile has 1, 2, 4, 8, 16 or 32 threads");

 public:
  static constexpr unsigned num_threads() { return Size; }
  static constexpr unsigned size() { return Size; }
  unsigned thread_rank() const { return cudasim::current.thread->linear % Size; }
  unsigned meta_group_rank() const { return cudasim::current.thread->linear / Size; }
  unsigned meta_group_size() const { return (this_thread_block().num_threads() + Size - 1) / Size; }

  __forceinline__ void sync() const { cudasim::warp_barrier(mask()); }
  template <class T>
  __forceinline__ T shfl(T value, int source) const {
    return __shfl_sync(mask(), value, source, Size);
  }
  template <class T>
  __forceinline__ T shfl_up(T value, unsigned delta) const {
    return __shfl_up_sync(mask(), value, delta, Size);
  }
  template <class T>
  __forceinline__ T shfl_down(T value, unsigned delta) const {
    return __shfl_down_sync(mask(), value, delta, Size);
  }
  template <class T>
  __forceinline__ T shfl_xor(T value, int lanes) const {
    return __shfl_xor_sync(mask(), value, lanes, Size);
  }
  __forceinline__ unsigned ballot(int predicate) const { return __ballot_sync(mask(), predicate) >> first_lane(); }
  __forceinline__ int any(int predicate) const { return __any_sync(mask(), predicate); }
  __forceinline__ int all(int predicate) const { return __all_sync(mask(), predicate); }

 private:
  unsigned first_lane() const { return cudasim::current.thread->lane & ~(Size - 1); }
  unsigned mask() const { return (Size == 32 ? 0xffffffffu : (1u << Size % 32) - 1) << first_lane(); }
};

template <unsigned Size, class Group>
thread_block_tile<Size> tiled_partition(const Group&) {
  return {};
}

template <class T>
struct plus {
  T operator()(T a, T b) const { return a + b; }
};
template <class T>
struct less {
  T operator()(T a, T b) const { return b < a ? b : a; }
};
template <class T>
struct greater {
  T operator()(T a, T b) const { return a < b ? b : a; }
};

// Every thread of the tile gets the combination of all; the order is that of a tree of shuffles.
template <unsigned Size, class T, class Combine>
__forceinline__ T reduce(const thread_block_tile<Size>& tile, T value, Combine combine) {
  for (int lanes = Size / 2; lanes > 0; lanes /= 2) value = combine(value, tile.shfl_xor(value, lanes));
  return value;
}

template <class Group>
__forceinline__ void sync(const Group& group) {
  group.sync();
}

}  // namespace cooperative_groups
