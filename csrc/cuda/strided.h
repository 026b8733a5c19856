// Any strides inside a kernel: a walk over up to kMaxOperands arrays together, passed by value.
//
//   Strided<3> walk(out, a, b);                      host: axes of length 1 dropped, neighbours merged (core/walk.h)
//   const auto at = walk.offsets(i);                 device: where element i of the walk lies in each, in elements
//   walk.data<float>(0)[at[0]] = ...
//
// The walk runs in the order of the first array's memory, so neighbouring threads touch neighbouring elements of it.
#pragma once

#include "core/walk.h"
#include "cuda/launch.h"

namespace pe {

template <int N>
struct Offsets {
  int64_t values[N];
  __device__ int64_t operator[](int operand) const { return values[operand]; }
};

template <int N>
struct Strided {
  static_assert(N <= kMaxOperands);

  int64_t size;  // elements of the first array
  int ndim;      // at least 1
  bool narrow;   // positions fit in 32 bits, in which division is several times cheaper
  int64_t shape[kMaxDims];
  int64_t strides[N][kMaxDims];  // in elements; 0 where the array is broadcast along the axis
  void* base[N];

  // `space` must not be empty; the others broadcast to its shape.
  template <class... Rest>
  explicit Strided(const Array& space, const Rest&... rest) {
    static_assert(sizeof...(Rest) + 1 == N);
    const Array* const arrays[] = {&space, &rest...};
    take_arrays(arrays);
  }

  // A walk that is made already, with the sizes of its operands' elements.
  Strided(const Walk& walk, const int64_t (&sizes)[N]) { take(walk, sizes); }

  // Operand `op` lies in one block in the order of the walk.
  bool is_dense(int op) const { return ndim == 1 && (strides[op][0] == 1 || size == 1); }
  // Operand `op` is a single element.
  bool is_constant(int op) const {
    for (int axis = 0; axis < ndim; ++axis)
      if (strides[op][axis] != 0) return false;
    return true;
  }

  // Lets operand `op` be an array of the walk's shape in one block.
  void lay_densely(int op) {
    for (int64_t axis = ndim - 1, stride = 1; axis >= 0; stride *= shape[axis--]) strides[op][axis] = stride;
  }

  void drop_axis(int dropped) {
    size /= shape[dropped];
    --ndim;
    for (int axis = dropped; axis < ndim; ++axis) {
      shape[axis] = shape[axis + 1];
      for (int op = 0; op < N; ++op) strides[op][axis] = strides[op][axis + 1];
    }
    if (ndim > 0) return;
    ndim = 1;
    shape[0] = 1;
  }

  template <class T>
  __host__ __device__ T* data(int op) const {
    return static_cast<T*>(base[op]);
  }

  __device__ Offsets<N> offsets(int64_t i) const {
    return narrow ? offsets_of(static_cast<uint32_t>(i)) : offsets_of(static_cast<uint64_t>(i));
  }

 private:
  // Apart: every kernel's launch makes a walk.
  [[gnu::noinline]] void take_arrays(const Array* const* arrays) {
    int64_t sizes[N];
    for (int op = 0; op < N; ++op) sizes[op] = itemsize(arrays[op]->dtype);
    take(collapse(arrays, N), sizes);
  }

  void take(const Walk& walk, const int64_t* sizes) {
    size = walk.rows() * walk.inner();
    narrow = size <= INT32_MAX;
    ndim = walk.ndim;
    for (int axis = 0; axis < ndim; ++axis) shape[axis] = walk.shape[axis];
    for (int op = 0; op < N; ++op) {
      base[op] = walk.data[op];
      for (int axis = 0; axis < ndim; ++axis) strides[op][axis] = walk.strides[op][axis] / sizes[op];
    }
  }

  template <class Index>
  __device__ Offsets<N> offsets_of(Index i) const {
    Offsets<N> at{};
#pragma unroll 1
    for (int axis = ndim - 1; axis > 0; --axis) {
      const Index length = static_cast<Index>(shape[axis]), rest = i / length;
      const int64_t along = static_cast<int64_t>(i - rest * length);
      for (int op = 0; op < N; ++op) at.values[op] += along * strides[op][axis];
      i = rest;
    }
    for (int op = 0; op < N; ++op) at.values[op] += static_cast<int64_t>(i) * strides[op][0];
    return at;
  }
};

// The same in row-major order of the first array, wherever that leads in memory: where an element's number counts.
template <class... Rest>
Strided<1 + sizeof...(Rest)> walk_in_order(const Array& space, const Rest&... rest) {
  const Array* const arrays[] = {&space, &rest...};
  return {collapse(arrays, 1 + sizeof...(Rest), true), {itemsize(space.dtype), itemsize(rest.dtype)...}};
}

// N elements that a thread moves in one access of N * sizeof(T) bytes, up to 16; the address must be a multiple of it.
template <class T, int N>
struct Pack {
  T values[N];
};

namespace detail {

template <int kBytes>
struct Word;
template <>
struct Word<1> {
  using type = uint8_t;
};
template <>
struct Word<2> {
  using type = uint16_t;
};
template <>
struct Word<4> {
  using type = uint32_t;
};
template <>
struct Word<8> {
  using type = unsigned long long;
};
template <>
struct Word<16> {
#if defined(__CUDACC__)
  using type = uint4;
#else
  using type = unsigned __attribute__((vector_size(16)));  // one access, where a struct of four would be split
#endif
};

}  // namespace detail

template <int N, class T>
__device__ inline Pack<T, N> load_pack(const T* from) {
  using Word = typename detail::Word<N * sizeof(T)>::type;
  const Word word = *reinterpret_cast<const Word*>(from);
  Pack<T, N> pack;
  memcpy(&pack, &word, sizeof(pack));
  return pack;
}

template <int N, class T>
__device__ inline void store_pack(T* to, const Pack<T, N>& pack) {
  using Word = typename detail::Word<N * sizeof(T)>::type;
  Word word;
  memcpy(&word, &pack, sizeof(pack));
  *reinterpret_cast<Word*>(to) = word;
}

inline bool is_aligned(const void* p, int64_t bytes) { return reinterpret_cast<uintptr_t>(p) % bytes == 0; }

}  // namespace pe
