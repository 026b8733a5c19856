#include "core/memory_pool.h"

#include <pthread.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

#if defined(__SANITIZE_ADDRESS__)
#define PYENGINE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PYENGINE_ASAN 1
#endif
#endif
#ifdef PYENGINE_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace pe {
namespace {

// Sizes are counted in units of 64 bytes. Classes 0..3 hold 1..4 units; from there on each power of two has four:
// 5 6 7 8, 10 12 14 16, 20 24 28 32, … units.
constexpr size_t kMaxBytes = size_t{1} << 47;  // more than an address space holds
constexpr int kClasses = 160;

int class_of(size_t bytes) {
  const size_t last = bytes == 0 ? 0 : (bytes - 1) / kBlockAlignment;  // the index of the last unit
  if (last < 4) return static_cast<int>(last);
  const int shift = std::bit_width(last) - 3;  // the top three bits of `last` choose the class
  return 4 * shift + static_cast<int>(last >> shift);
}

size_t class_bytes(int index) {
  if (index < 4) return static_cast<size_t>(index + 1) * kBlockAlignment;
  const int shift = index / 4 - 1;
  return (static_cast<size_t>(index % 4 + 5) << shift) * kBlockAlignment;
}

// Under AddressSanitizer what the caller may not touch is marked: released blocks, and the rest of a size class.
void mark_accessible([[maybe_unused]] void* block, [[maybe_unused]] size_t bytes) {
#ifdef PYENGINE_ASAN
  __asan_unpoison_memory_region(block, bytes);
#endif
}

void mark_forbidden([[maybe_unused]] void* block, [[maybe_unused]] size_t bytes) {
#ifdef PYENGINE_ASAN
  __asan_poison_memory_region(block, bytes);
#endif
}

// Large blocks are mapped on their own, so that they go back to the system at once and start on a huge page: fewer page
// faults and fewer misses of the address cache.
void* map_pages(size_t bytes) {
  const size_t span = bytes + kHugePage;
  void* mapped = mmap(nullptr, span, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  char* begin = static_cast<char*>(mapped);
  const size_t ahead = (kHugePage - reinterpret_cast<uintptr_t>(begin) % kHugePage) % kHugePage;
  if (ahead > 0) munmap(begin, ahead);
  munmap(begin + ahead + bytes, span - ahead - bytes);
#ifdef MADV_HUGEPAGE
  madvise(begin + ahead, bytes, MADV_HUGEPAGE);  // a wish: kernels without huge pages refuse it and work all the same
#endif
  return begin + ahead;
}

void* system_allocate(size_t bytes) {
  return bytes < kHugePage ? std::aligned_alloc(kBlockAlignment, bytes) : map_pages(bytes);
}

void system_release(void* block, size_t bytes) {
  mark_accessible(block, bytes);
  if (bytes < kHugePage) {
    std::free(block);
  } else {
    munmap(block, bytes);
  }
}

// A released block. The links live in the blocks themselves, so that releasing needs no memory.
struct FreeBlock {
  FreeBlock* next;
  size_t bytes;  // of its size class
};

// Outside of any lock: giving back a gigabyte takes the system milliseconds.
void release_all(FreeBlock* block) {
  while (block) {
    FreeBlock* next = block->next;
    system_release(block, block->bytes);
    block = next;
  }
}

class MemoryPool {
 public:
  constexpr MemoryPool() = default;

  void* take(size_t bytes);
  void give(void* block, size_t bytes) noexcept;

  MemoryStats stats();
  void shrink_cache(size_t limit);
  void set_limit(size_t bytes);
  void set_poison(bool on) { poison_.store(on, std::memory_order_relaxed); }

  void lock_for_fork() { mutex_.lock(); }
  void unlock_after_fork() { mutex_.unlock(); }

 private:
  struct SizeClass {
    FreeBlock* head = nullptr;
    uint64_t last_used = 0;  // the number of the request that it last met
  };

  void* take_fresh(size_t bytes, size_t size);
  void count_handed_out(size_t size);
  int oldest_class() const;
  FreeBlock* detach_beyond(size_t limit);

  std::mutex mutex_;
  SizeClass classes_[kClasses];
  MemoryStats stats_;
  std::atomic<bool> poison_ = false;
};

void* MemoryPool::take(size_t bytes) {
  if (bytes > kMaxBytes) throw OutOfMemory(bytes);
  const int index = class_of(bytes);
  const size_t size = class_bytes(index);
  FreeBlock* free_block;
  {
    std::lock_guard lock(mutex_);
    SizeClass& size_class = classes_[index];
    size_class.last_used = ++stats_.allocations;
    free_block = size_class.head;
    if (free_block) {
      mark_accessible(free_block, sizeof(FreeBlock));
      size_class.head = free_block->next;
      stats_.cached -= size;
      count_handed_out(size);
    }
  }
  void* block = free_block ? free_block : take_fresh(bytes, size);
  mark_forbidden(block, size);
  mark_accessible(block, bytes);
  if (poison_.load(std::memory_order_relaxed)) std::memset(block, 0xFF, bytes);
  return block;
}

void* MemoryPool::take_fresh(size_t bytes, size_t size) {
  void* block = system_allocate(size);
  if (!block) {
    shrink_cache(0);  // what is cached in other sizes may be just what the system lacks
    block = system_allocate(size);
  }
  if (!block) throw OutOfMemory(bytes);
  std::lock_guard lock(mutex_);
  ++stats_.from_system;
  count_handed_out(size);
  return block;
}

void MemoryPool::give(void* block, size_t bytes) noexcept {
  const int index = class_of(bytes);
  const size_t size = class_bytes(index);
  FreeBlock* evicted = nullptr;
  {
    std::lock_guard lock(mutex_);
    mark_accessible(block, sizeof(FreeBlock));
    classes_[index].head = new (block) FreeBlock{classes_[index].head, size};
    mark_forbidden(block, size);
    stats_.in_use -= size;
    stats_.cached += size;
    if (stats_.cached > stats_.cache_limit) evicted = detach_beyond(stats_.cache_limit);
  }
  release_all(evicted);
}

void MemoryPool::count_handed_out(size_t size) {
  stats_.in_use += size;
  stats_.peak = std::max(stats_.peak, stats_.in_use);
}

MemoryStats MemoryPool::stats() {
  std::lock_guard lock(mutex_);
  return stats_;
}

void MemoryPool::shrink_cache(size_t limit) {
  FreeBlock* evicted;
  {
    std::lock_guard lock(mutex_);
    evicted = detach_beyond(limit);
  }
  release_all(evicted);
}

void MemoryPool::set_limit(size_t bytes) {
  {
    std::lock_guard lock(mutex_);
    stats_.cache_limit = bytes;
  }
  shrink_cache(bytes);
}

int MemoryPool::oldest_class() const {
  int oldest = -1;
  for (int i = 0; i < kClasses; ++i) {
    if (classes_[i].head && (oldest < 0 || classes_[i].last_used < classes_[oldest].last_used)) oldest = i;
  }
  return oldest;
}

// Takes blocks out of the cache until it is within `limit`, those first whose size has gone unused for longest: a phase
// of a program that is over does not keep its sizes cached at the cost of the next one's.
FreeBlock* MemoryPool::detach_beyond(size_t limit) {
  FreeBlock* detached = nullptr;
  while (stats_.cached > limit) {
    SizeClass& oldest = classes_[oldest_class()];
    while (oldest.head && stats_.cached > limit) {
      FreeBlock* block = oldest.head;
      mark_accessible(block, sizeof(FreeBlock));
      oldest.head = block->next;
      stats_.cached -= block->bytes;
      block->next = detached;
      detached = block;
    }
  }
  return detached;
}

// Never destroyed and needs no construction: arrays may be made before and released after everything else.
constinit MemoryPool g_pool;

// A fork while another thread is inside the pool would leave the child a lock that nobody opens. Forking with the lock
// held gives the child a consistent pool and the right to open it.
const int g_fork_handlers = pthread_atfork([] { g_pool.lock_for_fork(); }, [] { g_pool.unlock_after_fork(); },
                                           [] { g_pool.unlock_after_fork(); });

}  // namespace

OutOfMemory::OutOfMemory(size_t bytes) noexcept {
  std::snprintf(text_, sizeof(text_), "out of memory: cannot allocate %zu bytes (%.1f GiB)", bytes,
                static_cast<double>(bytes) / (1 << 30));
}

void* allocate(size_t bytes) { return g_pool.take(bytes); }

void release(void* block, size_t bytes) noexcept { g_pool.give(block, bytes); }

MemoryStats memory_stats() { return g_pool.stats(); }

void empty_cache() { g_pool.shrink_cache(0); }

void set_cache_limit(size_t bytes) { g_pool.set_limit(bytes); }

void set_poison(bool on) { g_pool.set_poison(on); }

}  // namespace pe
