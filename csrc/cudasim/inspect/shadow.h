// What is remembered of memory: for every 4 bytes who wrote them last, who has read them since, and which of the bytes
// have been written at all. Accesses to less than 4 bytes split a cell into one for each byte.
#pragma once

#include <array>
#include <cstdint>
#include <deque>

namespace cudasim {

// An access of the past. Blocks are numbered from 1 on over all launches, so that a number tells the launch as well.
struct Access {
  uint32_t block = 0;  // 0: there was none
  uint32_t epoch;      // barriers of the block before it
  uint32_t clock;      // __syncwarps of the thread before it
  uint32_t pc;         // offset in the module
  uint16_t thread;
  bool atomic;
};

// Of the readers, those are kept that a later write may conflict with: the last one, another lane of its warp, another
// warp of its block, another block.
struct Cell {
  enum Reader { kLast, kLane, kWarp, kBlock, kReaders };
  Access write;
  Access reads[kReaders];
  uint32_t owner = 0;       // of shared memory: the block that this is about
  uint32_t pieces = 0;      // 1 + where the cells of the bytes are, once it is split
  uint8_t initialised = 0;  // a bit for each byte
};

using Pieces = std::deque<std::array<Cell, 4>>;

}  // namespace cudasim
