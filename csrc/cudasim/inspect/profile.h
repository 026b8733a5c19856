// What the accesses of each line cost: how many requests its warps made, and how well each used the memory system.
//
// A request is one instruction of one warp, all lanes that run it together. Global memory comes in sectors of 32 bytes;
// the ideal is as few as the distinct bytes asked for would fill. Shared memory has 32 banks, 4 bytes wide; a wavefront
// serves each bank once, so the words of a request that lie in the same bank wait for each other. Accesses of 8 bytes
// are served half a warp at a time, those of 16 bytes a quarter.
#pragma once

#include <map>
#include <string>

#include "cudasim/inspect/context.h"

namespace cudasim {

struct LineCost {
  Doing doing;
  Space space;
  std::string array;
  size_t bytes = 0;  // of one access
  uint64_t requests = 0, lanes = 0, lanes_there = 0;
  uint64_t sectors = 0, ideal_sectors = 0;
  uint64_t wavefronts = 0, ideal_wavefronts = 0;
};

struct StepCost {  // of a basic block
  uint64_t times = 0, lanes = 0, lanes_there = 0;
};

struct KernelProfile {
  std::map<std::pair<uint32_t, uint32_t>, LineCost> lines;  // by pc and array
  std::map<uint32_t, StepCost> steps;
  bool partial = false;  // some warp did more between two barriers than is kept
  uint64_t launches = 0;
};

void count_request(LineCost& cost, const Event* const* lanes, int count);

// Runs a warp's lanes side by side, as a GPU does: from what each lane did alone, what they did together.
//
// Lanes that stand at the same instruction go on together. Where they are apart, those in the deepest call go first,
// and of these those at the lowest address: code lies in memory in the order of the source, so lanes that left a branch
// or a loop wait behind it for the others. It empties the logs.
void replay(Context& context, Arrays& arrays, int warp, KernelProfile& profile);

}  // namespace cudasim
