// The core table of a program that has the pool and the threads linked in: `_core` itself, and csrc/check.
#pragma once

#include "core/core_api.h"
#include "core/cpu_info.h"
#include "core/memory_pool.h"
#include "core/thread_pool.h"

namespace pe {

inline constexpr CoreApi kLinkedCore{kCoreApiVersion, allocate, release, num_threads, run_blocks, stream_limit};

// Makes core() this program's own, and settles what depends on the machine.
// Throws std::invalid_argument where the environment variable PYENGINE_NUM_THREADS makes no sense.
void use_linked_core();

}  // namespace pe
