// Splitting work over threads, deterministically.
//
// Work is cut into blocks whose borders depend on the problem only, never on the number of threads, and each block is
// computed by exactly one thread. Reductions combine their per-block partials in a fixed order afterwards. So the same
// input gives the same bits on 1 and on 64 threads.
//
// A block ends with finish_streams(), so that what it wrote past the caches is there for all threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "core/core_api.h"
#include "core/vec.h"

namespace pe {

// body(block) for every block in [0, blocks). An exception of one block is rethrown here after all have finished.
template <class Body>
void parallel_for(int64_t blocks, Body&& body) {
  if (blocks <= 0) return;
  if (blocks == 1) {
    body(int64_t{0});
    finish_streams();
    return;
  }
  using Plain = std::remove_reference_t<Body>;
  core().run_blocks(
      blocks,
      [](void* context, int64_t block) {
        (*static_cast<Plain*>(context))(block);
        finish_streams();
      },
      const_cast<void*>(static_cast<const void*>(std::addressof(body))));
}

// body(begin, end) over [0, count) in blocks of `block_size`.
template <class Body>
void parallel_ranges(int64_t count, int64_t block_size, Body&& body) {
  const int64_t blocks = (count + block_size - 1) / block_size;
  parallel_for(blocks, [&](int64_t block) {
    const int64_t begin = block * block_size;
    body(begin, std::min(begin + block_size, count));
  });
}

}  // namespace pe
