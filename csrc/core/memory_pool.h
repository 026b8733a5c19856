// The allocator behind every result and every scratch buffer.
//
// A block that is released is kept and handed out again: memory that the process has touched before is in cache and
// mapped, while a first touch of fresh pages runs at a tenth of memory speed. Blocks come in size classes, four for
// each power of two, so at most a quarter of the request is wasted and a released block fits the next request of about
// its size. All functions may be called from any thread, and in the child of a fork.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

namespace pe {

inline constexpr size_t kBlockAlignment = 64;         // a cache line, and the widest SIMD vector
inline constexpr size_t kHugePage = size_t{2} << 20;  // blocks from this size on are aligned to it
inline constexpr size_t kDefaultCacheLimit = size_t{1} << 30;

// The system has no more memory; what() says how many bytes were asked for.
class OutOfMemory : public std::bad_alloc {
 public:
  explicit OutOfMemory(size_t bytes) noexcept;
  const char* what() const noexcept override { return text_; }

 private:
  char text_[96];  // no std::string here: it would allocate
};

struct MemoryStats {
  size_t in_use = 0;                        // bytes in blocks that are handed out, as rounded to their size class
  size_t cached = 0;                        // bytes in released blocks, ready to be handed out again
  size_t peak = 0;                          // the most that in_use has been
  size_t cache_limit = kDefaultCacheLimit;  // bytes that `cached` stays within
  uint64_t allocations = 0;                 // blocks asked for
  uint64_t from_system = 0;                 // those of them that the cache could not serve
};

void* allocate(size_t bytes);  // uninitialised, aligned to kBlockAlignment, never nullptr; throws OutOfMemory
void release(void* block, size_t bytes) noexcept;

MemoryStats memory_stats();
void empty_cache();
void set_cache_limit(size_t bytes);  // gives back at once what is above it
void set_poison(bool on);            // fill handed out blocks with 0xFF: NaN in every float type

}  // namespace pe
