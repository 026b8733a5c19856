// The simulator's inside: what a multiprocessor is, and what an observer of it (the inspector) is told.
//
// One OS thread runs one block at a time. Every CUDA thread of the block is a fiber; the fibers run one after another,
// each until it has to wait for others: a barrier is a switch to the next fiber that can go on.
#pragma once

#include <cstdint>
#include <memory>

#include "cudasim/cudasim.h"
#include "cudasim/fiber.h"

namespace cudasim {

inline constexpr int kMaxThreads = 1024;  // of a block
inline constexpr int kWarpThreads = 32;
inline constexpr int kMaxWarps = kMaxThreads / kWarpThreads;
inline constexpr size_t kSharedBytes = 48 << 10;      // of a block, dynamic; more must be allowed for a kernel first
inline constexpr size_t kMaxSharedBytes = 227 << 10;  // that can be allowed

// Lanes that have come to an operation of one mask, or that have yet to look at its result.
struct Gathering {
  uint32_t mask = 0;
  uint32_t arrived = 0;  // 0 once it is complete
  uint32_t present = 0;  // who came, once it is complete
  uint32_t readers = 0;  // of these, who has not looked yet
  uint64_t values[kWarpThreads];
};

struct Warp {
  uint32_t ready = 0;       // lanes that can go on
  uint32_t at_barrier = 0;  // lanes that wait for the block
  uint32_t unfinished = 0;
  Gathering gatherings[kWarpThreads];  // a lane is in one at most
  int used = 0;                        // gatherings that may be in use
};

// Where a thread waits, for reports.
struct Place {
  const void* caller;
  int site = -1;  // of a block barrier
};

// Told what happens, thread by thread. Inspection is one; without an observer the simulator just runs.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void launch_begin(const Launch& launch) = 0;
  virtual void launch_end() = 0;
  virtual void block_begin(Multiprocessor& processor) = 0;
  virtual void block_end(Multiprocessor& processor) = 0;
  virtual void thread_begin(Thread& thread) = 0;
  virtual void thread_end(Thread& thread) = 0;
  virtual void block_wait(Thread& thread, Place place) = 0;
  virtual void block_release(Multiprocessor& processor) = 0;  // before anybody goes on
  virtual void warp_wait(Thread& thread, uint32_t mask, bool is_barrier, Place place) = 0;
  virtual void warp_release(Thread& last, uint32_t present, bool is_barrier) = 0;
  virtual void source_lane(Thread& thread, int lane, uint32_t present) = 0;
  virtual void atomic(Thread& thread, const void* address, size_t size, const void* caller) = 0;
  virtual void fence(Thread& thread) = 0;
  virtual void stuck(Multiprocessor& processor) = 0;  // threads wait, and nobody can release them
  virtual void dynamic_shared(const char* name, size_t item) = 0;
  virtual void* allocate(size_t bytes, const char* name, size_t item, MemoryKind kind) = 0;
  virtual bool release(void* pointer) = 0;                               // false: not, or no more, an array's begin
  virtual void host_copy(void* to, const void* from, size_t bytes) = 0;  // before it is done
  virtual void host_fill(void* to, size_t bytes) = 0;
};
extern Observer* observer;
extern uint64_t schedule_seed;  // 0: threads go on in the order of their numbers; else in an order drawn from it

// Thrown through the blocks of a launch that cannot go on; the last error says why.
struct LaunchError {};

// What runs one block at a time; one for each OS thread.
struct Multiprocessor {
  Multiprocessor();
  void run_block(const Launch& launch, size_t block);  // throws LaunchError

  // for the thread that is running
  void block_barrier(Place place);
  int block_barrier_vote(Place place, bool predicate, char what);
  Gathering& gather(uint32_t mask, uint64_t value, bool is_barrier, Place place);
  void yield();
  [[noreturn]] void abandon();  // ends the launch; the fibers are left where they are

  Thread threads[kMaxThreads];
  Warp warps[kMaxWarps];
  int thread_count = 0, warp_count = 0;
  uint64_t atomics = 0;             // so far
  int unfinished = 0, waiting = 0;  // threads; those at the block's barrier
  uint32_t warps_ready = 0;
  BlockPlace place;
  char* dynamic_shared;
  Stacks stacks;

 private:
  static void fiber_main();
  void set_shape(const Launch& launch);
  void start_block();
  Thread* choose();
  void go_on_with_another();
  void finish(Thread& thread);
  void release_block();
  void release_if_complete(Warp& warp, Gathering& gathering, Thread& last, bool is_barrier);
  Gathering& find_gathering(Warp& warp, uint32_t mask);
  void give_stack(Thread& thread);
  void fail_stuck();

  Fiber main_, fibers_[kMaxThreads];
  int16_t stack_of_[kMaxThreads];  // -1: has none yet
  int16_t free_stacks_[kMaxThreads];
  int free_count_ = 0;
  const Launch* launch_ = nullptr;
  int votes_ = 0, vote_result_ = 0, voters_ = 0, voters_result_ = 0;
  uint64_t random_ = 0;
  uint64_t yields_ = 0;
  bool abandoned_ = false;
  std::unique_ptr<char[]> shared_memory_;
};

// body(context, block) for all blocks, on the threads of the package's pool or, built alone, one after another.
void spread_blocks(size_t blocks, void (*body)(void* context, size_t block), void* context);

void set_last_error(cudaError_t error, const char* detail = "");
size_t allowed_shared_bytes(const void* kernel);

}  // namespace cudasim
