// Many elementwise calls as one: their loops run over one block of elements after another, while it is in L1.
#pragma once

#include <memory>
#include <span>

#include "core/kept_call.h"

namespace pe {

// Kernels that this thread calls leave their loops in `sketch` from now on; nullptr: they run them again.
void sketch_into(LoopSketch* sketch);

// Memory of a result that only these calls use: it is never written.
struct InnerResult {
  const char* begin;
  size_t bytes;
};

// One call that does what `loops` do, in order, with the same bits. All have as many elements, in the same order.
// std::invalid_argument where they cannot run together.
std::unique_ptr<KeptCall> fuse(std::span<const LoopSketch> loops, std::span<const InnerResult> inner);

}  // namespace pe
