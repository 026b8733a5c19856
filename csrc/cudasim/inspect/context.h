// Where the simulation stands, and what is kept of every thread of the block: shared by the parts of the inspector.
#pragma once

#include <string>
#include <vector>

#include "cudasim/inspect/arrays.h"
#include "cudasim/runtime.h"

namespace cudasim {

enum class Doing : uint8_t { step, read, write, atomic };  // step: entering a basic block

// What a thread did, for lockstep replay.
struct Event {
  uintptr_t address;
  uint32_t pc;
  uint16_t size;  // in bytes; of a step, how often it was taken again at once, as the body of a short loop is
  Doing doing;
  uint8_t depth;  // of calls
};

// A write where another thread has written. It is no fault if both wrote the same, which shows once it is done.
struct PendingWrite {
  Array* array = nullptr;  // nullptr: none
  uintptr_t address;
  size_t size;
  unsigned char before[16];
  Access earlier, mine;
};

struct ThreadState {
  uint32_t clock[kWarpThreads];  // __syncwarps of each lane of the warp that this thread knows to be past; its own too
  std::vector<Event> log;
  PendingWrite pending;
  Place wait;
  uint32_t wait_mask = 0;  // 0: for the block
  bool waits = false, ended = false;
  bool fenced = false;  // what it wrote, it wrote before a fence
  uint8_t depth = 0;
  uint32_t accesses = 0;
};

struct Context {
  const Module* module = nullptr;
  const Launch* launch = nullptr;
  std::string kernel;
  Multiprocessor* processor = nullptr;
  uint32_t first_block = 1;  // of the launch
  uint32_t block = 0;
  uint32_t epoch = 0;  // barriers of the block so far
  std::vector<ThreadState> threads = std::vector<ThreadState>(kMaxThreads);
};

}  // namespace cudasim
