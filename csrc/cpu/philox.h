// The Philox stream made in whole vectors: a lane of 64 bits is one block of the cipher (core/random.h).
#pragma once

#include "core/random.h"
#include "cpu/shuffle.h"

namespace pe {

// The 64-bit product of the lower halves of each lane; the upper halves are ignored. Every SIMD unit has it as one
// instruction, but GCC makes a full 64-bit product of the generic form.
inline Vec<uint64_t> wide_product(Vec<uint64_t> a, Vec<uint64_t> b) {
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__)
  using Halves = Vec<int>;
#if defined(__AVX512F__)
  return reinterpret_cast<Vec<uint64_t>>(__builtin_ia32_pmuludq512_mask(
      reinterpret_cast<Halves>(a), reinterpret_cast<Halves>(b), Vec<long long>{}, static_cast<unsigned char>(-1)));
#elif defined(__AVX2__)
  return reinterpret_cast<Vec<uint64_t>>(
      __builtin_ia32_pmuludq256(reinterpret_cast<Halves>(a), reinterpret_cast<Halves>(b)));
#else
  return reinterpret_cast<Vec<uint64_t>>(
      __builtin_ia32_pmuludq128(reinterpret_cast<Halves>(a), reinterpret_cast<Halves>(b)));
#endif
#else
  constexpr uint64_t kLow = 0xFFFFFFFF;
  return (a & kLow) * (b & kLow);
#endif
}

// The stream of one seed, kStep words at a time.
class PhiloxStream {
 public:
  static constexpr int kVectors = 2;  // side by side, so that one's arithmetic fills the other's waiting
  static constexpr int64_t kStep = 4 * kVectors * kLanes<uint64_t>;

  explicit PhiloxStream(uint64_t seed) {
    auto key0 = static_cast<uint32_t>(seed), key1 = static_cast<uint32_t>(seed >> 32);
    for (int round = 0; round < philox::kRounds; ++round) {
      key0_[round] = splat(uint64_t{key0});
      key1_[round] = splat(uint64_t{key1});
      key0 += philox::kWeyl0;
      key1 += philox::kWeyl1;
    }
    for (int i = 0; i < kLanes<uint64_t>; ++i) numbers_[i] = static_cast<uint64_t>(i);
  }

  // words[i] = word 4 · first_block + i of the stream for i < count; writes whole steps, up to kStep - 1 words more.
  void words(uint64_t first_block, int64_t count, uint32_t* words) const {
    for (int64_t i = 0; i < count; i += kStep) step(first_block + static_cast<uint64_t>(i) / 4, words + i);
  }

 private:
  void step(uint64_t first_block, uint32_t* words) const {
    constexpr int W = kLanes<uint64_t>;
    const Vec<uint64_t> multiplier0 = splat(uint64_t{philox::kMultiplier0});
    const Vec<uint64_t> multiplier1 = splat(uint64_t{philox::kMultiplier1});
    // The four words of a block stand in the lower halves of c0 … c3; the upper halves hold what the products left.
    Vec<uint64_t> c0[kVectors], c1[kVectors], c2[kVectors], c3[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      c0[v] = load(numbers_) + (first_block + static_cast<uint64_t>(v * W));
      c1[v] = c0[v] >> 32;
      c2[v] = c3[v] = Vec<uint64_t>{};
    }
    for (int round = 0; round < philox::kRounds; ++round) {
      for (int v = 0; v < kVectors; ++v) {
        const Vec<uint64_t> p0 = wide_product(c0[v], multiplier0), p1 = wide_product(c2[v], multiplier1);
        c0[v] = (p1 >> 32) ^ c1[v] ^ key0_[round];
        c1[v] = p1;
        c2[v] = (p0 >> 32) ^ c3[v] ^ key1_[round];
        c3[v] = p0;
      }
    }
    for (int v = 0; v < kVectors; ++v) {
      constexpr uint64_t kLow = 0xFFFFFFFF;
      const Vec<uint64_t> front = (c0[v] & kLow) | c1[v] << 32, back = (c2[v] & kLow) | c3[v] << 32;
      store_interleaved(reinterpret_cast<uint64_t*>(words) + 2 * v * W, front, back);
    }
  }

  Vec<uint64_t> key0_[philox::kRounds], key1_[philox::kRounds];
  uint64_t numbers_[kLanes<uint64_t>];
};

}  // namespace pe
