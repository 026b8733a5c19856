// Arrays a[n, c, …] channel by channel, for batch_norm: a block takes a part of a channel.
#pragma once

#include "cuda/block_reduce.h"
#include "cuda/strided.h"

namespace pe {

inline constexpr int kEach = 8;                     // elements of a thread
inline constexpr int64_t kPart = kEach * kThreads;  // of a block

// The elements of an array of one axis.
template <class T>
struct Vector {
  T* data;
  int64_t stride;

  explicit Vector(const Array& a) : data(a.as<T>()), stride(a.strides[0]) {}
  __device__ T& operator[](int64_t i) const { return data[i * stride]; }
};

// N arrays a[n, c, …] channel by channel: the walk is over the elements of the first one.
template <int N>
struct Channels {
  int64_t count, elements, parts;  // elements of a channel, in so many parts
  int64_t strides[N];              // from channel to channel
  Strided<N> walk;

  template <class... Rest>
  explicit Channels(const Array& first, const Rest&... rest)
      : count(first.shape[1]),
        elements(first.size() / std::max<int64_t>(count, 1)),
        parts(ceil_div(elements, kPart)),
        strides{first.strides[1], rest.strides[1]...},
        walk(one_channel(first), one_channel(rest)...) {}

  unsigned blocks() const { return static_cast<unsigned>(count * parts); }

  template <class T>
  __device__ T* data(int op, int64_t channel) const {
    return walk.template data<T>(op) + channel * strides[op];
  }

 private:
  static Array one_channel(const Array& a) {
    Array one = a;
    one.ndim = a.ndim - 1;
    for (int axis = 1; axis < one.ndim; ++axis) {
      one.shape[axis] = a.shape[axis + 1];
      one.strides[axis] = a.strides[axis + 1];
    }
    return one;
  }
};

// visit(i, place) for the thread's elements of its block's part: at most kEach of them, of which i is the number.
template <int N, class Visit>
__device__ inline void each_element(const Channels<N>& x, const Visit& visit) {
  const int64_t begin = blockIdx.x % x.parts * kPart + threadIdx.x;
#pragma unroll
  for (int i = 0; i < kEach; ++i) {
    const int64_t at = begin + i * kThreads;
    if (at < x.elements) visit(i, x.walk.offsets(at));
  }
}
template <int N>
__device__ inline int64_t channel_of_block(const Channels<N>& x) {
  return blockIdx.x / x.parts;
}

// A warp puts together what the blocks left of a channel.
template <class V, class Combine>
__device__ V join_parts(const V* parts, int64_t count, V none, Combine combine) {
  V total = none;
  for (int64_t i = threadIdx.x % kWarp; i < count; i += kWarp) total = combine(total, parts[i]);
  return warp_reduce(total, combine);
}

}  // namespace pe
