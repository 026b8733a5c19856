// Shuffles, votes and reductions of a warp. Included by cudasim.h.
//
// Every one of them is built on exchange(): the lanes of a mask bring a value, wait for each other, and then each looks
// at the values that it needs.
#pragma once

#include <type_traits>

#include "cudasim/execution.h"

namespace cudasim {

template <class T>
CUDASIM_UNSEEN inline uint64_t to_bits(T value) {
  static_assert(sizeof(T) <= 8, "a lane exchanges at most 8 bytes");
  uint64_t bits = 0;
  __builtin_memcpy(&bits, &value, sizeof value);
  return bits;
}

template <class T>
CUDASIM_UNSEEN inline T from_bits(uint64_t bits) {
  T value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

// `source` is a lane of the warp. A lane that is not there gives its reader back what it brought; on a GPU, anything.
template <class T>
CUDASIM_UNSEEN __forceinline__ T shuffle(unsigned mask, T value, int source) {
  const Exchange lanes = exchange(mask, to_bits(value));
  note_source_lane(source, lanes.present);
  return lanes.present >> source & 1 ? from_bits<T>(lanes.values[source]) : value;
}

template <class T, class Combine>
CUDASIM_UNSEEN __forceinline__ T reduce(unsigned mask, T value, Combine combine) {
  const Exchange lanes = exchange(mask, to_bits(value));
  bool first = true;
  for (int lane = 0; lane < 32; ++lane) {
    if (!(lanes.present >> lane & 1)) continue;
    const T other = from_bits<T>(lanes.values[lane]);
    value = first ? other : combine(value, other);
    first = false;
  }
  return value;
}

CUDASIM_UNSEEN inline int lane() { return static_cast<int>(current.thread->lane); }

}  // namespace cudasim

// `width`, a power of 2, cuts the warp into segments; `source` counts within the segment.
template <class T>
CUDASIM_UNSEEN __forceinline__ T __shfl_sync(unsigned mask, T value, int source, int width = 32) {
  return cudasim::shuffle(mask, value, (cudasim::lane() & ~(width - 1)) | (source & (width - 1)));
}
template <class T>
CUDASIM_UNSEEN __forceinline__ T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  const int lane = cudasim::lane(), source = lane - static_cast<int>(delta);
  return cudasim::shuffle(mask, value, source >= (lane & ~(width - 1)) ? source : lane);
}
template <class T>
CUDASIM_UNSEEN __forceinline__ T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  const int lane = cudasim::lane(), source = lane + static_cast<int>(delta);
  return cudasim::shuffle(mask, value, source <= (lane | (width - 1)) ? source : lane);
}
template <class T>
CUDASIM_UNSEEN __forceinline__ T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32) {
  const int lane = cudasim::lane(), source = lane ^ lanes;
  return cudasim::shuffle(mask, value, source <= (lane | (width - 1)) && source < 32 ? source : lane);
}

CUDASIM_UNSEEN __forceinline__ unsigned __ballot_sync(unsigned mask, int predicate) {
  const cudasim::Exchange lanes = cudasim::exchange(mask, predicate != 0);
  unsigned votes = 0;
  for (int lane = 0; lane < 32; ++lane)
    if ((lanes.present >> lane & 1) && lanes.values[lane]) votes |= 1u << lane;
  return votes;
}
CUDASIM_UNSEEN __forceinline__ int __any_sync(unsigned mask, int predicate) {
  return __ballot_sync(mask, predicate) != 0;
}
CUDASIM_UNSEEN __forceinline__ int __all_sync(unsigned mask, int predicate) {
  return __ballot_sync(mask, !predicate) == 0;
}

// The lanes whose value is the same as this lane's.
template <class T>
CUDASIM_UNSEEN __forceinline__ unsigned __match_any_sync(unsigned mask, T value) {
  const uint64_t bits = cudasim::to_bits(value);
  const cudasim::Exchange lanes = cudasim::exchange(mask, bits);
  unsigned same = 0;
  for (int lane = 0; lane < 32; ++lane)
    if ((lanes.present >> lane & 1) && lanes.values[lane] == bits) same |= 1u << lane;
  return same;
}
template <class T>
CUDASIM_UNSEEN __forceinline__ unsigned __match_all_sync(unsigned mask, T value, int* all) {
  const unsigned same = __match_any_sync(mask, value);
  *all = same == mask;
  return *all ? mask : 0;
}

// Any set of lanes that happen to run together, this one among them, is a right answer; a lane alone is one.
CUDASIM_UNSEEN __forceinline__ unsigned __activemask() { return 1u << cudasim::lane(); }

CUDASIM_UNSEEN __forceinline__ unsigned __reduce_add_sync(unsigned mask, unsigned value) {
  return cudasim::reduce(mask, value, [](unsigned a, unsigned b) { return a + b; });
}
CUDASIM_UNSEEN __forceinline__ int __reduce_add_sync(unsigned mask, int value) {
  return static_cast<int>(__reduce_add_sync(mask, static_cast<unsigned>(value)));
}
template <class T>
CUDASIM_UNSEEN __forceinline__ T __reduce_min_sync(unsigned mask, T value) {
  return cudasim::reduce(mask, value, [](T a, T b) { return a < b ? a : b; });
}
template <class T>
CUDASIM_UNSEEN __forceinline__ T __reduce_max_sync(unsigned mask, T value) {
  return cudasim::reduce(mask, value, [](T a, T b) { return a > b ? a : b; });
}
CUDASIM_UNSEEN __forceinline__ unsigned __reduce_and_sync(unsigned mask, unsigned value) {
  return cudasim::reduce(mask, value, [](unsigned a, unsigned b) { return a & b; });
}
CUDASIM_UNSEEN __forceinline__ unsigned __reduce_or_sync(unsigned mask, unsigned value) {
  return cudasim::reduce(mask, value, [](unsigned a, unsigned b) { return a | b; });
}
CUDASIM_UNSEEN __forceinline__ unsigned __reduce_xor_sync(unsigned mask, unsigned value) {
  return cudasim::reduce(mask, value, [](unsigned a, unsigned b) { return a ^ b; });
}
