// rotary_embedding: pairs of columns (x, y) become (x · cos - y · sin, y · cos + x · sin), as a plane turns by an
// angle.
//
// 3 FLOP an element against 2 elements of memory, and cos and sin, which all heads of a token share: memory bound.
// A thread takes a pair of neighbours as one access, or of two halves as many pairs as 16 bytes hold of each half;
// where the layout allows neither, a pair by its elements. The strides of cos and sin say which rows share them.
#include "kernels/rotary_embedding.h"

#include "cuda/by_dtype.h"
#include "cuda/strided.h"
#include "kernels/copy.h"

namespace pe {

namespace {

enum class Layout { neighbours, halves };

// N elements of each operand; those of x and y are first ones of pairs. The walk is over packs of N pairs.
template <class T, int N, Layout kLayout>
__global__ void __launch_bounds__(kThreads) turn_pairs(Strided<4> walk, int64_t y_partner, int64_t x_partner, T sign) {
  for (int64_t i = grid_thread(); i < walk.size; i += grid_threads()) {
    const auto at = walk.offsets(i);
    const T* x = walk.data<const T>(1) + at[1];
    T* y = walk.data<T>(0) + at[0];
    const auto cos = load_pack<N>(walk.data<const T>(2) + at[2]), sin = load_pack<N>(walk.data<const T>(3) + at[3]);
    if constexpr (kLayout == Layout::neighbours) {
      const auto pair = load_pack<2>(x);
      const T c = cos.values[0], s = sign * sin.values[0];
      store_pack<2>(y, {{pair.values[0] * c - pair.values[1] * s, pair.values[1] * c + pair.values[0] * s}});
    } else {
      const auto first = load_pack<N>(x), second = load_pack<N>(x + x_partner);
      Pack<T, N> to_first, to_second;
#pragma unroll
      for (int j = 0; j < N; ++j) {
        const T c = cos.values[j], s = sign * sin.values[j];
        to_first.values[j] = first.values[j] * c - second.values[j] * s;
        to_second.values[j] = second.values[j] * c + first.values[j] * s;
      }
      store_pack<N>(y, to_first);
      store_pack<N>(y + y_partner, to_second);
    }
  }
}

// Whether operand `op` can be moved `width` elements at a time, `step` apart from pack to pack along the innermost
// axis.
bool in_packs(const Strided<4>& walk, int op, int64_t step, int64_t width, int64_t size) {
  const int inner = walk.ndim - 1;
  bool all = walk.strides[op][inner] == step && is_aligned(walk.base[op], width * size);
  for (int axis = 0; axis < inner; ++axis) all &= walk.strides[op][axis] % width == 0;
  return all;
}

template <class T>
void turn(In a, In cos, In sin, bool interleaved, bool inverse, Out out) {
  constexpr int N = 16 / sizeof(T);
  constexpr int64_t kSize = sizeof(T);
  const int64_t count = cos.shape[cos.ndim - 1];
  const Pairs from = pairs_of(a, count, interleaved), to = pairs_of(out, count, interleaved);
  if (to.first.size() == 0) return;
  Strided<4> walk = walk_in_order(to.first, from.first, cos, sin);
  const int inner = walk.ndim - 1;
  auto kernel = turn_pairs<T, 1, Layout::halves>;
  bool packs = walk.shape[inner] % N == 0 && to.partner % N == 0 && from.partner % N == 0;
  for (int op = 0; op < 4; ++op) packs &= in_packs(walk, op, 1, N, kSize);
  if (packs) {
    kernel = turn_pairs<T, N, Layout::halves>;
    walk.size /= N;
    walk.shape[inner] /= N;
    for (auto& strides : walk.strides) strides[inner] *= N;
  } else if (from.partner == 1 && to.partner == 1 && in_packs(walk, 0, 2, 2, kSize) && in_packs(walk, 1, 2, 2, kSize)) {
    kernel = turn_pairs<T, 1, Layout::neighbours>;
  }
  enqueue(kernel, blocks_for(walk.size, kThreads), kThreads)(walk, to.partner, from.partner, inverse ? T(-1) : T(1));
}

}  // namespace

void rotary_embedding(In a, In cos, In sin, bool interleaved, bool inverse, Out out) {
  by_float("rotary_embedding", a.dtype,
           [&](auto type) { turn<TypeOf<decltype(type)>>(a, cos, sin, interleaved, inverse, out); });
  const int64_t turned = 2 * cos.shape[cos.ndim - 1];
  if (turned == a.shape[a.ndim - 1]) return;
  Array rest = columns_from(out, turned);
  copy(columns_from(a, turned), a.dtype, rest);
}

}  // namespace pe
