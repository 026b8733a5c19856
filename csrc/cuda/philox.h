// The Philox stream (core/random.h) on the device: any thread makes any of its words.
#pragma once

#include "core/random.h"
#include "cuda/launch.h"

namespace pe {

// Words first, first + 1, … of the stream of `seed`, N <= 4: from one block of the cipher, or from two where they begin
// within one.
template <int N>
struct PhiloxWords {
  uint32_t values[N];

  __device__ PhiloxWords(uint64_t seed, uint64_t first) {
    static_assert(N <= 4);
    uint32_t words[8] = {};
    const unsigned skipped = first % 4;
    block(seed, first / 4, words);
    if (skipped + N > 4) block(seed, first / 4 + 1, words + 4);
    // moved to the front in two steps, since registers cannot be indexed
#pragma unroll
    for (int i = 0; i < 6; ++i) words[i] = skipped & 2 ? words[i + 2] : words[i];
#pragma unroll
    for (int i = 0; i < N; ++i) values[i] = skipped & 1 ? words[i + 1] : words[i];
  }

 private:
  __device__ static void block(uint64_t seed, uint64_t number, uint32_t* words) {
    uint32_t c0 = static_cast<uint32_t>(number), c1 = static_cast<uint32_t>(number >> 32), c2 = 0, c3 = 0;
    uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
#pragma unroll
    for (int round = 0; round < philox::kRounds; ++round) {
      const uint64_t p0 = uint64_t{c0} * philox::kMultiplier0, p1 = uint64_t{c2} * philox::kMultiplier1;
      c0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
      c1 = static_cast<uint32_t>(p1);
      c2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
      c3 = static_cast<uint32_t>(p0);
      k0 += philox::kWeyl0;
      k1 += philox::kWeyl1;
    }
    words[0] = c0, words[1] = c1, words[2] = c2, words[3] = c3;
  }
};

}  // namespace pe
