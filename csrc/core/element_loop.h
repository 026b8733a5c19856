// What an elementwise or reducing kernel does to a run of elements, apart from how it walks its arrays.
//
// A kernel runs such a loop over whole arrays. csrc/cpu/fusion.cpp runs the loops of many kernels over one block of
// elements after another, while the block is in L1: it asks each kernel for its loop by a LoopSketch.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/array.h"
#include "core/walk.h"

namespace pe {

// n elements: data[0] is the output, data[i] input i; bit i of `constants` says that input i is a single element. At
// least one input is not. kStreamed in `constants` asks for the output to go past the caches.
struct ElementLoop {
  void (*run)(const void* functor, char* const* data, int64_t n, unsigned constants);
  const void* functor;
  size_t functor_bytes;

  void operator()(char* const* data, int64_t n, unsigned constants) const { run(functor, data, n, constants); }
};

inline constexpr unsigned kStreamed = 1u << 31;
inline constexpr size_t kMaxFunctorBytes = 32;

// All elements to one number: a state takes leaves one after another and ends as a partial result, one for each segment
// of the array; these are finished together. Segments and leaves as in cpu/reduce_rows.h.
struct ReductionLoop {
  size_t state_bytes, partial_bytes;
  int64_t leaf, segment;  // elements
  void (*begin)(void* state);
  void (*push)(void* state, const char* leaf, int64_t n);
  void (*end)(const void* state, void* partial);
  void (*finish)(const void* partials, int64_t count, char* out);
};

// Where a kernel call leaves its loop instead of running it.
struct LoopSketch {
  enum class Kind : uint8_t { none, elements, reduction };
  Kind kind = Kind::none;
  int loops = 0;  // how many the call had
  ElementLoop element{};
  ReductionLoop reduction{};
  alignas(8) std::array<std::byte, kMaxFunctorBytes> functor{};
  std::array<Array, kMaxOperands> arrays;  // the output first
  int operands = 0;
};

}  // namespace pe
