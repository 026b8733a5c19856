// Inside the package: blocks are spread over its thread pool, several at a time where there are many.
#include <algorithm>

#include "core/parallel.h"
#include "cudasim/runtime.h"

namespace cudasim {

void spread_blocks(size_t blocks, void (*body)(void*, size_t), void* context) {
  const auto count = static_cast<int64_t>(blocks);
  pe::parallel_ranges(count, std::clamp<int64_t>(count / 64, 1, 64), [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) body(context, static_cast<size_t>(block));
  });
}

}  // namespace cudasim
