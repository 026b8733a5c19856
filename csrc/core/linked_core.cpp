#include "core/linked_core.h"

#include <algorithm>

namespace pe {

void use_linked_core() {
  set_core(&kLinkedCore);
  set_cache_limit(std::min(kDefaultCacheLimit, usable_memory() / 4));
  num_threads();
}

}  // namespace pe
