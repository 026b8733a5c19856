// The services that `_core` owns for the whole process: memory and threads.
//
// Kernel modules (cpu_v2, cpu_v3, cpu_v4, cudasim, …) are separate shared objects, so that instructions of one level
// can never leak into another; they reach the one pool and the one allocator through this table, handed over by capsule
// when they are imported. Native programs (csrc/check) link core/*.cpp and call use_linked_core().
#pragma once

#include <cstddef>
#include <cstdint>

namespace pe {

struct CoreApi {
  int version;
  void* (*allocate)(size_t bytes);             // 64-byte aligned, uninitialised; throws std::bad_alloc
  void (*release)(void* block, size_t bytes);  // `bytes` as given to allocate
  int (*num_threads)();
  // body(context, block) once for every block in [0, blocks), in any order and on any thread
  void (*run_blocks)(int64_t blocks, void (*body)(void* context, int64_t block), void* context);
  int64_t (*stream_limit)();  // results of more bytes are written past the caches
};

inline constexpr int kCoreApiVersion = 2;
inline constexpr const char* kCoreApiCapsule = "pyengine._core.api";

const CoreApi& core();  // throws std::logic_error before it was set
void set_core(const CoreApi* api);

}  // namespace pe
