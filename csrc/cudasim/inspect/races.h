// Which accesses are ordered, and what follows where two are not.
//
// Of two accesses of a block the earlier one is over before the later one begins where a barrier of the block lies
// between them, or for lanes of a warp a __syncwarp, or where both are the same thread's. Blocks are ordered by
// launches, and within a launch only so: one writes, calls __threadfence and does an atomic operation; another one does
// an atomic operation on the same address later. What is not ordered, of which one writes and not both are atomic, is a
// race, whichever came first this time.
#pragma once

#include <set>
#include <unordered_map>

#include "cudasim/inspect/findings.h"

namespace cudasim {

class Races {
 public:
  Races(Context& context, Arrays& arrays, Findings& findings)
      : context_(context), arrays_(arrays), findings_(findings) {}

  void start_launch() { released_.clear(); }
  void start_block() { known_.clear(); }
  void access(Array& array, uintptr_t address, size_t size, Doing doing, bool atomic, uint32_t pc,
              const Thread& thread);
  void settle(ThreadState& state);                          // the thread's write that was pending is done now
  void hand_over(uintptr_t address, const Thread& thread);  // an atomic operation: releases and acquires
  void join_lanes(int first_thread, uint32_t lanes);        // a __syncwarp

 private:
  struct Look;                                                                     // one access at one cell
  using Known = std::unordered_map<uint32_t, std::pair<uint32_t, std::set<int>>>;  // block: epoch, threads

  bool ordered(const Access& earlier, const Look& look) const;
  bool acquired(const Access& earlier) const;
  void look_at(Cell& cell, uint8_t bytes, const Look& look);
  void split(Cell& cell, Array& array);
  void prepare_shared(Cell& cell, Array& array, uintptr_t address);
  void conflict(const Access& earlier, bool earlier_writes, const Look& look);
  void report(const Access& earlier, bool earlier_writes, const Access& mine, bool mine_writes, const Array& array,
              uintptr_t address, size_t size);
  void report_uninitialised(const Look& look);

  Context& context_;
  Arrays& arrays_;
  Findings& findings_;
  std::unordered_map<uintptr_t, Known> released_;  // at an address, by atomic operations after a fence
  Known known_;                                    // what this block has acquired
};

}  // namespace cudasim
