// What kernel code and launch() call: thin doors to the multiprocessor of the OS thread.
#include "cudasim/runtime.h"

namespace cudasim {

__thread Current current;
Observer* observer = nullptr;
uint64_t schedule_seed = 0;

#define CUDASIM_CALLER __builtin_return_address(0)

__attribute__((noinline)) void block_barrier(int site) { current.processor->block_barrier({CUDASIM_CALLER, site}); }

__attribute__((noinline)) int block_barrier_vote(int site, int predicate, char what) {
  return current.processor->block_barrier_vote({CUDASIM_CALLER, site}, predicate != 0, what);
}

__attribute__((noinline)) void warp_barrier(unsigned mask) {
  current.processor->gather(mask, 0, true, {CUDASIM_CALLER});
}

__attribute__((noinline)) Exchange exchange(unsigned mask, uint64_t value) {
  const Gathering& gathering = current.processor->gather(mask, value, false, {CUDASIM_CALLER});
  return {gathering.values, gathering.present};
}

void note_source_lane(int lane, unsigned present) {
  if (observer) observer->source_lane(*current.thread, lane, present);
}

void note_atomic(const void* address, size_t size, const void* caller) {
  if (!current.processor) return;  // host code
  if (observer) observer->atomic(*current.thread, address, size, caller);
  if (++current.processor->atomics % 64 == 0) current.processor->yield();
}

void fence() {
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  if (observer && current.thread) observer->fence(*current.thread);
}

void yield() { current.processor->yield(); }

void* dynamic_shared(const char* name, size_t item) {
  if (observer) observer->dynamic_shared(name, item);
  return current.processor->dynamic_shared;
}

static cudaError_t check(const Launch& launch, const char*& detail) {
  const dim3 grid = launch.grid, block = launch.block;
  const auto threads = static_cast<unsigned long long>(block.x) * block.y * block.z;
  detail = "a block has 1 to 1024 threads, at most 64 along z";
  if (threads < 1 || threads > kMaxThreads || block.z > 64) return cudaErrorInvalidConfiguration;
  detail = "a grid has at least 1 block along each axis, at most 2147483647 along x and 65535 along y and z";
  if (!grid.x || !grid.y || !grid.z || grid.x > 0x7fffffff || grid.y > 65535 || grid.z > 65535)
    return cudaErrorInvalidConfiguration;
  detail = "more than 48 KB of shared memory must be allowed for the kernel with cudaFuncSetAttribute";
  if (launch.shared_bytes > kSharedBytes && launch.shared_bytes > allowed_shared_bytes(launch.kernel))
    return cudaErrorInvalidValue;
  return cudaSuccess;
}

static Multiprocessor& processor() {
  static thread_local std::unique_ptr<Multiprocessor> own;
  if (!own) own = std::make_unique<Multiprocessor>();
  return *own;
}

void run(const Launch& launch) {
  const char* detail;
  if (const cudaError_t error = check(launch, detail); error != cudaSuccess) return set_last_error(error, detail);
  const size_t blocks = static_cast<size_t>(launch.grid.x) * launch.grid.y * launch.grid.z;
  try {
    if (observer) {  // one after another: what is found does not depend on the OS's scheduler
      observer->launch_begin(launch);
      try {
        for (size_t block = 0; block < blocks; ++block) processor().run_block(launch, block);
      } catch (const LaunchError&) {
        observer->launch_end();
        throw;
      }
      observer->launch_end();
      return;
    }
    spread_blocks(
        blocks, [](void* context, size_t block) { processor().run_block(*static_cast<const Launch*>(context), block); },
        const_cast<Launch*>(&launch));
  } catch (const LaunchError&) {
    set_last_error(cudaErrorLaunchFailure, "threads wait at a barrier that others of their block or warp never reach");
  }
}

}  // namespace cudasim
