// Threads, blocks, barriers and launches, as kernel code sees them. Included by cudasim.h; the other side is runtime.h.
#pragma once

#include <tuple>
#include <utility>

#include "cudasim/types.h"

// Opaque, as CUDA's own; here a stream is done with everything that it was given as soon as it was given.
struct CUstream_st;
using cudaStream_t = CUstream_st*;

namespace cudasim {

struct Multiprocessor;

// A thread of the block that this OS thread is running.
struct Thread {
  uint3 index;
  unsigned linear, warp, lane;
};

struct BlockPlace {
  dim3 grid_dim, block_dim;
  uint3 index;
};

// What the running fiber is. A fiber never changes its OS thread, so compilers may keep the address of this.
struct Current {
  Thread* thread;
  BlockPlace* block;
  Multiprocessor* processor;
};
#ifdef CUDASIM_INSPECT  // it is in the inspector's library, whose few such variables have a fixed place in every thread
__attribute__((tls_model("initial-exec")))
#endif
extern __thread Current current;

void block_barrier(int site);                                // `site` tells apart the barriers of a source
int block_barrier_vote(int site, int predicate, char what);  // what: 'c'ount, 'a'nd, 'o'r
void warp_barrier(unsigned mask);
void fence();
void yield();  // lets other threads of the block go on; what waits for them in a loop calls it
void* dynamic_shared(const char* name, size_t item);  // how the kernel calls it, and the bytes of an element

// The values that the lanes in `mask` brought to this operation; those not in `present` brought none.
struct Exchange {
  const uint64_t* values;
  unsigned present;
};
Exchange exchange(unsigned mask, uint64_t value);
void note_source_lane(int lane, unsigned present);  // what a shuffle is about to read; for inspection

// A kernel with its arguments, to be called by every thread of the grid.
struct Launch {
  const void* kernel;
  dim3 grid, block;
  size_t shared_bytes;
  void (*call)(void* arguments);
  void* arguments;
};
void run(const Launch& launch);  // a launch that cannot be, or that failed, shows in cudaGetLastError

template <class... P>
struct Call {
  void (*kernel)(P...);
  std::tuple<P...> arguments;

  CUDASIM_UNSEEN static void call(void* self) { static_cast<Call*>(self)->unpack(std::index_sequence_for<P...>{}); }
  template <size_t... I>
  CUDASIM_UNSEEN void unpack(std::index_sequence<I...>) {
    kernel(std::get<I>(arguments)...);
  }
};

}  // namespace cudasim

#define threadIdx (::cudasim::current.thread->index)
#define blockIdx (::cudasim::current.block->index)
#define blockDim (::cudasim::current.block->block_dim)
#define gridDim (::cudasim::current.block->grid_dim)
inline constexpr int warpSize = 32;

#define __syncthreads() ::cudasim::block_barrier(__COUNTER__)
#define __syncthreads_count(predicate) ::cudasim::block_barrier_vote(__COUNTER__, predicate, 'c')
#define __syncthreads_and(predicate) ::cudasim::block_barrier_vote(__COUNTER__, predicate, 'a')
#define __syncthreads_or(predicate) ::cudasim::block_barrier_vote(__COUNTER__, predicate, 'o')
#define __syncwarp(...) ::cudasim::warp_barrier(::cudasim::mask_of(__VA_ARGS__))
#define __threadfence() ::cudasim::fence()
#define __threadfence_block() ::cudasim::fence()
#define __threadfence_system() ::cudasim::fence()
#define __nanosleep(nanoseconds) ::cudasim::yield()

#define DYN_SHARED(T, name) T* name = static_cast<T*>(::cudasim::dynamic_shared(#name, sizeof(T)))

namespace cudasim {
constexpr unsigned mask_of(unsigned mask = 0xffffffffu) { return mask; }
}  // namespace cudasim

// One call, so that arguments are converted to the kernel's parameters as in CUDA.
template <class... P>
auto launch(void (*kernel)(P...), dim3 grid, dim3 block, size_t shared_bytes = 0, cudaStream_t = nullptr) {
  return [=](P... arguments) {
    cudasim::Call<P...> call{kernel, std::tuple<P...>(arguments...)};
    cudasim::run({reinterpret_cast<const void*>(kernel), grid, block, shared_bytes, &cudasim::Call<P...>::call, &call});
  };
}
