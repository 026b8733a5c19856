// Philox4x32-10, the counter-based random numbers of J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel
// random numbers: as easy as 1, 2, 3", SC 2011.
//
// A block cipher turns the number of a block into four random words; the seed is its key. There is no state to hand
// from one draw to the next, so any thread and any backend can make any part of the stream: word i is lane i mod 4 of
// block i div 4.
#pragma once

#include <array>
#include <cstdint>

namespace pe {

namespace philox {

inline constexpr uint32_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
inline constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
inline constexpr int kRounds = 10;

// One block: the cipher of counter[4] under key[2].
constexpr std::array<uint32_t, 4> block(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  auto [c0, c1, c2, c3] = counter;
  auto [k0, k1] = key;
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t p0 = uint64_t{c0} * kMultiplier0, p1 = uint64_t{c2} * kMultiplier1;
    c0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
    c1 = static_cast<uint32_t>(p1);
    c2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c3 = static_cast<uint32_t>(p0);
    k0 += kWeyl0;
    k1 += kWeyl1;
  }
  return {c0, c1, c2, c3};
}

// The four words of block `number` of the stream of `seed`.
constexpr std::array<uint32_t, 4> block(uint64_t seed, uint64_t number) {
  return block({static_cast<uint32_t>(number), static_cast<uint32_t>(number >> 32), 0, 0},
               {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
}

// The known answers that come with the authors' implementation, Random123 (kat_vectors).
static_assert(block({0, 0, 0, 0}, {0, 0}) == std::array<uint32_t, 4>{0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8});
static_assert(block({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}) ==
              std::array<uint32_t, 4>{0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD});
static_assert(block({0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344}, {0xA4093822, 0x299F31D0}) ==
              std::array<uint32_t, 4>{0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1});

}  // namespace philox

}  // namespace pe
