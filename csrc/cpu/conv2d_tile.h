// The register tiles, the only places where a convolution spends its time. Both sum over `steps` pairs of a tap and a
// channel; offsets[s] is the distance from a result's element of the copy to that of step s.
//
// channel_tile: vectors of output channels, MR pixels. A step loads NV vectors of weights and broadcasts one number for
// each pixel, whose elements may lie anywhere. MR · NV + NV + 1 registers. This is the default, and with pixels in the
// place of steps it sums the gradient of the weights.
// pixel_tile: vectors of neighbouring pixels, for few channels, where vectors of channels would be half empty. A step
// loads one vector for each group of pixels and broadcasts one weight for each of M channels.
#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include "core/vec.h"

namespace pe::conv {

inline constexpr int MR = 6;
inline constexpr int NV = (kRegisters - 1) / (MR + 1);
template <class T>
inline constexpr int64_t kPanel = NV * kLanes<T>;  // output channels in a panel

// sums[i · kPanel + j] (+)= Σ_s pixels[i][offsets[s]] · panel[s · kPanel + j]
template <class T, int M>
void channel_tile(int64_t steps, const T* panel, const int64_t* offsets, const T* const* pixels, T* sums,
                  bool accumulate) {
  constexpr int L = kLanes<T>;
  const T* pixel[M];
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i) pixel[i] = pixels[i];

  Vec<T> sum[M][NV];
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < NV; ++j) sum[i][j] = accumulate ? load(sums + (i * NV + j) * L) : Vec<T>{};

  for (int64_t s = 0; s < steps; ++s) {
    const int64_t offset = offsets[s];
    Vec<T> weights[NV];
#pragma GCC unroll 8
    for (int j = 0; j < NV; ++j) weights[j] = load(panel + j * L);
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      const Vec<T> x = splat(pixel[i][offset]);
#pragma GCC unroll 8
      for (int j = 0; j < NV; ++j) sum[i][j] += x * weights[j];
    }
    panel += kPanel<T>;
  }
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < NV; ++j) store(sums + (i * NV + j) * L, sum[i][j]);
}

template <class T>
using ChannelTile = void (*)(int64_t, const T*, const int64_t*, const T* const*, T*, bool);

template <class T, int... Ms>
constexpr std::array<ChannelTile<T>, MR + 1> channel_tiles(std::integer_sequence<int, Ms...>) {
  return {nullptr, &channel_tile<T, Ms + 1>...};
}

// kChannelTiles<T>[M] for M pixels.
template <class T>
[[gnu::visibility("hidden")]] inline constexpr auto kChannelTiles =
    channel_tiles<T>(std::make_integer_sequence<int, MR>{});

// `count` pixels (or rows) as even tiles of at most MR, so that none is much smaller than the others: visit(begin, M).
template <class Visit>
inline void for_each_tile(int64_t count, const Visit& visit) {
  int64_t tiles = (count + MR - 1) / MR;
  for (int64_t begin = 0; tiles > 0; --tiles) {
    const int64_t size = (count - begin + tiles - 1) / tiles;
    visit(begin, static_cast<int>(size));
    begin += size;
  }
}

// What a tile of pixels does with its sums: out[j][i · channel …] = act(sum + bias[i]).
template <class T>
struct PixelResult {
  T* const* out;    // of each vector
  int64_t channel;  // the distance of neighbouring channels
  const T* bias;    // nullptr: none
  bool relu;
};

// out[j][i · channel + l] = act(bias[i] + Σ_s weights[s · M + i] · vectors[j][offsets[s] + l])
template <class T, int M, int V>
void pixel_tile(int64_t steps, const T* weights, const int64_t* offsets, const T* const* vectors,
                const PixelResult<T>& to) {
  const T* vector[V];
#pragma GCC unroll 8
  for (int j = 0; j < V; ++j) vector[j] = vectors[j];

  Vec<T> sum[M][V];
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < V; ++j) sum[i][j] = Vec<T>{};

  for (int64_t s = 0; s < steps; ++s) {
    const int64_t offset = offsets[s];
    Vec<T> x[V];
#pragma GCC unroll 8
    for (int j = 0; j < V; ++j) x[j] = load(vector[j] + offset);
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      const Vec<T> w = splat(weights[i]);
#pragma GCC unroll 8
      for (int j = 0; j < V; ++j) sum[i][j] += w * x[j];
    }
    weights += M;
  }
  // In variables of their own: of what `to` points at, the compiler would have to think that a store changes it.
  const T* bias = to.bias;
  const int64_t channel = to.channel;
  const bool relu = to.relu;
  if (bias) {
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      const Vec<T> b = splat(bias[i]);
#pragma GCC unroll 8
      for (int j = 0; j < V; ++j) sum[i][j] += b;
    }
  }
  if (relu) {
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i)
#pragma GCC unroll 8
      for (int j = 0; j < V; ++j) sum[i][j] = sum[i][j] <= Vec<T>{} ? Vec<T>{} : sum[i][j];  // a NaN stays
  }
#pragma GCC unroll 8
  for (int j = 0; j < V; ++j) {
    T* out = to.out[j];
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) store(out + i * channel, sum[i][j]);
  }
}

// Vectors of pixels at once for M channels: as many as the registers hold, where more than 8 sums gain little.
inline constexpr int kMostVectors = 8;
constexpr int vectors_of(int channels) {
  constexpr int kVectors[] = {0, 8, 4, 3, 3, 2, 2};
  return kVectors[channels];
}

template <class T>
using PixelTile = void (*)(int64_t, const T*, const int64_t*, const T* const*, const PixelResult<T>&);

// The widest tile for M channels, and the one for a single vector, of which the rest is made.
template <class T, int... Ms>
constexpr std::array<std::array<PixelTile<T>, 2>, MR + 1> pixel_tiles(std::integer_sequence<int, Ms...>) {
  return {{{nullptr, nullptr}, {&pixel_tile<T, Ms + 1, 1>, &pixel_tile<T, Ms + 1, vectors_of(Ms + 1)>}...}};
}

template <class T>
[[gnu::visibility("hidden")]] inline constexpr auto kPixelTiles = pixel_tiles<T>(std::make_integer_sequence<int, MR>{});

}  // namespace pe::conv
