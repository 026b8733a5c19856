// concat: each array copied to its part of the output; tril, triu: each row of a matrix copied up to, or from, the
// diagonal, and 0 elsewhere. Moves every element once: the speed of memory is the limit.
//
// concat copies up to 30 arrays in one launch: where they lie travels with it, and a block takes a chunk of one array,
// 16 bytes at a time where all of them allow it. Arrays that need more than three nested loops are copied one by one.
#include "kernels/join.h"

#include <algorithm>
#include <span>
#include <vector>

#include "cuda/by_width.h"
#include "cuda/rows.h"
#include "kernels/copy.h"

namespace pe {

namespace {

using namespace cuda;

constexpr int kLoops = 3, kMostParts = 30;
constexpr int64_t kPartChunk = 4096;  // items of a block

// One array and its part of the output; steps in bytes, the innermost loop last.
struct Copy {
  const char* from;
  char* to;
  int64_t shape[kLoops], from_steps[kLoops], to_steps[kLoops];

  __host__ __device__ int64_t size() const { return shape[0] * shape[1] * shape[2]; }
};

struct Copies {
  int count = 0;
  Copy of[kMostParts];
  int64_t first_block[kMostParts + 1] = {};

  void add(const Copy& copy) {
    of[count] = copy;
    first_block[count + 1] = first_block[count] + ceil_div(copy.size(), kPartChunk);
    ++count;
  }
};

template <class Index, class Item>
__device__ void copy_chunk(const Copy& c, int64_t begin, int64_t end) {
  const Index columns = static_cast<Index>(c.shape[2]), rows = static_cast<Index>(c.shape[1]);
  for (int64_t i = begin + threadIdx.x; i < end; i += kThreads) {
    const Index row = static_cast<Index>(i) / columns, column = static_cast<Index>(i) - row * columns;
    const Index plane = row / rows, line = row - plane * rows;
    const int64_t at[kLoops] = {static_cast<int64_t>(plane), static_cast<int64_t>(line), static_cast<int64_t>(column)};
    const char* from = c.from;
    char* to = c.to;
#pragma unroll
    for (int loop = 0; loop < kLoops; ++loop) {
      from += at[loop] * c.from_steps[loop];
      to += at[loop] * c.to_steps[loop];
    }
    *reinterpret_cast<Item*>(to) = *reinterpret_cast<const Item*>(from);
  }
}

template <class Item>
__global__ void __launch_bounds__(kThreads) copy_parts(Copies copies) {
  int part = 0;
  while (part + 1 < copies.count && copies.first_block[part + 1] <= blockIdx.x) ++part;
  const Copy& c = copies.of[part];
  const int64_t begin = (blockIdx.x - copies.first_block[part]) * kPartChunk, size = c.size();
  const int64_t end = begin + kPartChunk < size ? begin + kPartChunk : size;
  if (size <= INT32_MAX) {
    copy_chunk<uint32_t, Item>(c, begin, end);
  } else {
    copy_chunk<uint64_t, Item>(c, begin, end);
  }
}

// Whether `part` = `a` takes at most kLoops loops, and which.
bool as_loops(In a, In part, Copy& loops) {
  const Array* const arrays[] = {&part, &a};
  const Walk walk = collapse(arrays, 2);
  if (walk.ndim > kLoops) return false;
  loops = {walk.data[1], walk.data[0], {1, 1, 1}, {0, 0, 0}, {0, 0, 0}};
  for (int axis = 0; axis < walk.ndim; ++axis) {
    const int loop = kLoops - walk.ndim + axis;
    loops.shape[loop] = walk.shape[axis];
    loops.to_steps[loop] = walk.strides[0][axis];
    loops.from_steps[loop] = walk.strides[1][axis];
  }
  return true;
}

// How many bytes can be moved at a time, at most 16.
int64_t width_of(const Copy& c, int64_t size) {
  constexpr int kInner = kLoops - 1;
  if (c.from_steps[kInner] != size || c.to_steps[kInner] != size) return size;
  int64_t all = reinterpret_cast<int64_t>(c.from) | reinterpret_cast<int64_t>(c.to) | c.shape[kInner] * size;
  for (int loop = 0; loop < kInner; ++loop) all |= c.from_steps[loop] | c.to_steps[loop];
  return std::clamp<int64_t>(all & -all, size, 16);
}

template <class Item>
void copy_all(std::span<Copy> all, int64_t size) {
  constexpr int64_t kWidth = sizeof(Item);
  Copies copies;
  for (size_t i = 0; i < all.size(); ++i) {
    Copy& c = all[i];
    if (kWidth > size) {
      c.shape[kLoops - 1] /= kWidth / size;
      c.from_steps[kLoops - 1] = c.to_steps[kLoops - 1] = kWidth;
    }
    copies.add(c);
    if (copies.count < kMostParts && i + 1 < all.size()) continue;
    enqueue(copy_parts<Item>, static_cast<unsigned>(copies.first_block[copies.count]), kThreads)(copies);
    copies = Copies();
  }
}

// A warp takes a row; columns [begin, end) of row i of a matrix are kept: those at or below the diagonal, or above.
template <class T, class S>
__global__ void __launch_bounds__(S::kBlock)
    keep_triangle(Rows<const T> x, Rows<T> y, int64_t height, int64_t diagonal, bool lower) {
  const int64_t r = S::row(), n = x.length;
  if (r >= x.count) return;
  const int64_t border = r % height + diagonal, begin = lower ? 0 : border, end = lower ? border + 1 : n;
  const T* from = x[r];
  T* to = y[r];
  for (int64_t i = S::rank() * S::kN; i < n; i += S::kThreads * S::kN) {
    Pack<T, S::kN> v{};
    if (i < end && i + S::kN > begin) v = get<S>(from, x.stride, i);
#pragma unroll
    for (int j = 0; j < S::kN; ++j)
      if (i + j < begin || i + j >= end) v.values[j] = T(0);
    put<S>(to, y.stride, i, v);
  }
}

void triangle(In a, const Ints& named_diagonal, bool lower, Out out) {
  if (out.size() == 0) return;
  const int64_t height = a.shape[a.ndim - 2];
  const int64_t diagonal = std::clamp(named_diagonal.values[0], -height, a.shape[a.ndim - 1]);
  by_size(itemsize(a.dtype), [&](auto type) {
    using T = TypeOf<decltype(type)>;
    const Rows<const T> x(a);
    const Rows<T> y(out);
    const auto run = [&]<class S>(S) {
      enqueue(keep_triangle<T, S>, S::blocks(x.count), S::kBlock)(x, y, height, diagonal, lower);
    };
    x.in_vectors() && y.in_vectors() ? run(Share<32, 16 / sizeof(T), 0>{}) : run(Share<32, 1, 0>{});
  });
}

}  // namespace

void concat(InList arrays, const Ints& axis, Out out) {
  const auto along = static_cast<int>(axis.values[0] < 0 ? axis.values[0] + out.ndim : axis.values[0]);
  const int64_t size = itemsize(out.dtype);
  std::vector<Copy> copies;
  int64_t width = 16;
  Array part = out;
  for (const Array& a : arrays) {
    part.shape[along] = a.shape[along];
    Copy loops;
    if (a.size() > 0 && as_loops(a, part, loops)) {
      copies.push_back(loops);
      width = std::min(width, width_of(loops, size));
    } else if (a.size() > 0) {
      copy(a, a.dtype, part);
    }
    part.data = part.as<char>() + a.shape[along] * out.strides[along] * size;
  }
  by_width(width, [&](auto type) { copy_all<TypeOf<decltype(type)>>(copies, size); });
}

void tril(In a, const Ints& diagonal, Out out) { triangle(a, diagonal, true, out); }
void triu(In a, const Ints& diagonal, Out out) { triangle(a, diagonal, false, out); }

}  // namespace pe
