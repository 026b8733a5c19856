// What the kernels of attention share: a block owns a few rows of one side, queries or keys, and walks over those of
// the other side, a warp's number at a time. Both of its products are made from tiles in shared memory.
//
//   dots          sums[r] = Σ own row · other row: a warp's kEach rows against the 32 others, one a lane
//   add_weighted  sums[row][x] += Σ weight · other row: the 32 others one after the other, the features one a lane
//
// A weight of 0 adds nothing, not even where it meets an infinity or a NaN.
#pragma once

#include <cmath>

#include "core/array.h"
#include "cuda/block_reduce.h"
#include "cuda/launch.h"
#include "cuda/philox.h"

namespace pe::cuda {

constexpr int kOwn = 16, kOther = kWarp, kFeatures = 32;      // rows of a tile on either side, and columns at a time
constexpr int kBlock = 128, kEach = kOwn / (kBlock / kWarp);  // kEach: rows of a warp

__device__ inline int warp_number() { return static_cast<int>(threadIdx.x) / kWarp; }
__device__ inline int lane_number() { return static_cast<int>(threadIdx.x) % kWarp; }

// Rows `first` … of one head, of which there are `count` in all; any strides.
template <class T>
struct Side {
  const T* data;
  int64_t row, column, count, first = 0;

  __device__ T at(int64_t r, int64_t x) const {
    return first + r < count ? data[(first + r) * row + x * column] : T(0);
  }
};

// An operand [batch, heads, rows, columns].
template <class T>
struct Heads {
  T* data;
  int64_t strides[4], rows, columns;

  explicit Heads(In a) : data(static_cast<T*>(a.data)), rows(a.shape[2]), columns(a.ndim > 3 ? a.shape[3] : 1) {
    for (int i = 0; i < 4; ++i) strides[i] = i < a.ndim ? a.strides[i] : 0;
  }
  __device__ T* head(int64_t batch, int64_t h) const { return data + batch * strides[0] + h * strides[1]; }
  __device__ Side<T> side(int64_t batch, int64_t h, int64_t first) const {
    return {head(batch, h), strides[2], strides[3], rows, first};
  }
};

template <class T>
struct Tiles {
  T own[kOwn][kFeatures];
  T other[kOther][kFeatures + 1];  // one more, so that a column lies in 32 banks
  T weights[kOwn][kOther];
};

// Shared memory of a block: the tiles, and behind them `features` sums for each of its rows.
template <class T>
size_t shared_bytes(int64_t features) {
  return sizeof(Tiles<T>) + sizeof(T) * static_cast<size_t>(kOwn * features);
}
template <class T>
__device__ Tiles<T>& tiles_of(T* shared) {
  return *reinterpret_cast<Tiles<T>*>(shared);
}
template <class T>
__device__ T* sums_of(T* shared) {
  return shared + sizeof(Tiles<T>) / sizeof(T);
}

template <int kRows, class T, int kWidth>
__device__ void load_tile(const Side<const T>& side, int64_t begin, int64_t features, T (&tile)[kRows][kWidth]) {
  for (int i = static_cast<int>(threadIdx.x); i < kRows * kFeatures; i += kBlock) {
    const int r = i / kFeatures, x = i % kFeatures;
    tile[r][x] = begin + x < features ? side.at(r, begin + x) : T(0);
  }
}

template <class T>
__device__ void dots(const Side<const T>& own, const Side<const T>& other, int64_t features, Tiles<T>& tiles,
                     T (&sums)[kEach]) {
  for (T& sum : sums) sum = T(0);
  for (int64_t begin = 0; begin < features; begin += kFeatures) {
    load_tile(own, begin, features, tiles.own);
    load_tile(other, begin, features, tiles.other);
    __syncthreads();
    const int n = static_cast<int>(features - begin < kFeatures ? features - begin : kFeatures);
    for (int x = 0; x < n; ++x)
#pragma unroll
      for (int r = 0; r < kEach; ++r)
        sums[r] += tiles.own[warp_number() * kEach + r][x] * tiles.other[lane_number()][x];
    __syncthreads();  // the tiles are loaded anew
  }
}

// sums[kOwn][features], of which a thread always has the same elements.
template <class T>
__device__ void add_weighted(const T (&weights)[kEach], const Side<const T>& other, int64_t features, Tiles<T>& tiles,
                             T* sums) {
  for (int r = 0; r < kEach; ++r) tiles.weights[warp_number() * kEach + r][lane_number()] = weights[r];
  for (int64_t begin = 0; begin < features; begin += kFeatures) {
    load_tile(other, begin, features, tiles.other);
    __syncthreads();
    if (begin + lane_number() < features) {
      for (int r = 0; r < kEach; ++r) {
        const int row = warp_number() * kEach + r;
        T sum = 0;
        for (int j = 0; j < kOther; ++j) {
          const T weight = tiles.weights[row][j];
          if (weight != T(0)) sum += weight * tiles.other[j][lane_number()];
        }
        sums[row * features + begin + lane_number()] += sum;
      }
    }
    __syncthreads();
  }
}

template <class T>
__device__ void clear_sums(int64_t features, T* sums) {
  for (int r = 0; r < kEach; ++r)
    for (int64_t x = lane_number(); x < features; x += kWarp) sums[(warp_number() * kEach + r) * features + x] = T(0);
}

// What is done with scores beside the products.
template <class T>
struct Scoring {
  T scale;
  bool causal;
  const void* mask = nullptr;
  bool chooses = false;  // a mask of bools
  int64_t strides[4] = {};
  int64_t heads, queries, keys;
  const int64_t* state;  // of dropout, on the device
  int64_t state_stride;
  bool drops, drops_all;
  uint32_t threshold;
  T kept;

  Scoring(In query, In key, In state_array, OptIn mask_array, double scale_by, bool is_causal, double p)
      : scale(static_cast<T>(scale_by)),
        causal(is_causal),
        heads(query.shape[1]),
        queries(query.shape[2]),
        keys(key.shape[2]),
        state(state_array.as<const int64_t>()),
        state_stride(state_array.strides[0]),
        drops(p > 0),
        drops_all(std::nearbyint(p * 0x1p32) > 0xFFFFFFFFp0),
        threshold(drops_all ? 0 : static_cast<uint32_t>(std::nearbyint(p * 0x1p32))),
        kept(drops_all ? T(0) : static_cast<T>(1 / (1 - p))) {
    if (!mask_array) return;
    mask = mask_array->data;
    chooses = mask_array->dtype == DType::b8;
    for (int i = 0; i < mask_array->ndim; ++i)
      strides[4 - mask_array->ndim + i] = mask_array->shape[i] == 1 ? 0 : mask_array->strides[i];
  }

  // From the product of query i and key j.
  __device__ T score(T product, int64_t batch, int64_t head, int64_t i, int64_t j) const {
    constexpr T kNever = -static_cast<T>(INFINITY);
    if (i >= queries || j >= keys || (causal && j > i)) return kNever;
    const T s = scale * product;
    if (!mask) return s;
    const int64_t at = batch * strides[0] + head * strides[1] + i * strides[2] + j * strides[3];
    if (chooses) return static_cast<const bool*>(mask)[at] ? s : kNever;
    return s + static_cast<const T*>(mask)[at];
  }

  __device__ T factor(int64_t batch, int64_t head, int64_t i, int64_t j) const {
    if (!drops) return T(1);
    const int64_t at = ((batch * heads + head) * queries + i) * keys + j;
    const PhiloxWords<1> word(static_cast<uint64_t>(state[0]), static_cast<uint64_t>(state[state_stride] + at));
    return !drops_all && word.values[0] >= threshold ? kept : T(0);
  }

  // The first key that no query before `end` sees.
  __device__ int64_t seen(int64_t end) const { return causal && end < keys ? end : keys; }
};

// exp(score - shift), and 0 of -inf whatever the shift.
template <class T>
__device__ T weight_of(T score, T shift) {
  return score == -static_cast<T>(INFINITY) ? T(0) : ::exp(score - shift);
}

}  // namespace pe::cuda
