// The threads that all kernels share.
//
// The thread that calls works too, and takes blocks from the same counter as the workers. Workers look for the next job
// for a short while and then sleep. Only one job uses the workers at a time: a call from inside of a block, or from a
// second Python thread while another one computes, runs its blocks on its own thread. The results are the same bits in
// every case (see parallel.h). The child of a fork starts with workers of its own.
#pragma once

#include <cstdint>

namespace pe {

inline constexpr int kMaxThreads = 1024;

// At first the environment variable PYENGINE_NUM_THREADS, or else usable_cores().
// Throws std::invalid_argument where the variable is not a number from 1 to kMaxThreads.
int num_threads();

// From the next job on. Throws std::invalid_argument outside of [1, kMaxThreads].
void set_num_threads(int64_t threads);

// body(context, block) once for every block in [0, blocks), in any order and on any thread. Returns when all are
// finished; the exception of the lowest block that threw one is then thrown here.
void run_blocks(int64_t blocks, void (*body)(void* context, int64_t block), void* context);

}  // namespace pe
