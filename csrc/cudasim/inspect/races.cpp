#include "cudasim/inspect/races.h"

#include <algorithm>
#include <cstring>

namespace cudasim {

struct Races::Look {
  Access mine;
  Array& array;
  uintptr_t address;
  size_t size;
  bool writes, reads;
  ThreadState& state;
};

void Races::access(Array& array, uintptr_t address, size_t size, Doing doing, bool atomic, uint32_t pc,
                   const Thread& thread) {
  ThreadState& state = context_.threads[thread.linear];
  const Look look{
      {context_.block, context_.epoch, state.clock[thread.lane], pc, static_cast<uint16_t>(thread.linear), atomic},
      array,
      address,
      size,
      doing != Doing::read,
      doing != Doing::write,
      state};
  if (look.writes && !atomic && array.space == Space::global) state.fenced = false;
  const uintptr_t end = address + size;
  for (uintptr_t at = address; at < end;) {
    Cell& cell = array.cell(at);
    const uintptr_t next = std::min(end, (at & ~uintptr_t{3}) + 4);
    if (array.space == Space::shared && cell.owner != context_.block) prepare_shared(cell, array, at);
    if (next - at == 4 && !cell.pieces) {
      look_at(cell, 15, look);
    } else {
      if (!cell.pieces) split(cell, array);
      auto& pieces = arrays_.pieces(array)[cell.pieces - 1];
      for (uintptr_t byte = at; byte < next; ++byte) look_at(pieces[byte & 3], 1, look);
    }
    at = next;
  }
}

// Shared memory begins anew with every block. On a GPU it then holds anything; here what is a NaN.
void Races::prepare_shared(Cell& cell, Array& array, uintptr_t address) {
  cell = Cell();
  cell.owner = context_.block;
  const uintptr_t begin = std::max(address & ~uintptr_t{3}, array.begin);
  const uintptr_t end = std::min((address & ~uintptr_t{3}) + 4, array.begin + array.bytes);
  std::memset(reinterpret_cast<void*>(begin), 0xff, end - begin);
}

void Races::split(Cell& cell, Array& array) {
  Pieces& pieces = arrays_.pieces(array);
  pieces.emplace_back();
  for (unsigned i = 0; i < 4; ++i) {
    pieces.back()[i] = cell;
    pieces.back()[i].initialised = cell.initialised >> i & 1;
  }
  cell.pieces = static_cast<uint32_t>(pieces.size());
}

inline bool Races::ordered(const Access& earlier, const Look& look) const {
  if (earlier.block == context_.block) {
    const int thread = look.mine.thread;
    if (earlier.epoch < context_.epoch || earlier.thread == thread) return true;
    if (earlier.thread / kWarpThreads == thread / kWarpThreads &&
        earlier.clock <= look.state.clock[earlier.thread % kWarpThreads])
      return true;
  } else if (earlier.block < context_.first_block) {
    return true;
  }
  return !known_.empty() && acquired(earlier);
}

bool Races::acquired(const Access& earlier) const {
  const auto found = known_.find(earlier.block);
  if (found == known_.end()) return false;
  const auto& [epoch, threads] = found->second;
  return earlier.epoch < epoch || threads.count(earlier.thread);
}

void Races::look_at(Cell& cell, uint8_t bytes, const Look& look) {
  const Access& mine = look.mine;
  if (look.reads && (cell.initialised & bytes) != bytes && !look.array.preset) report_uninitialised(look);
  if (cell.write.block && !(cell.write.atomic && mine.atomic) && !ordered(cell.write, look))
    conflict(cell.write, true, look);
  if (look.writes) {
    for (Access& reader : cell.reads) {
      if (reader.block && !(reader.atomic && mine.atomic) && !ordered(reader, look)) {
        conflict(reader, false, look);
        break;
      }
    }
    for (Access& reader : cell.reads) reader.block = 0;
    cell.write = mine;
    cell.initialised |= bytes;
    return;
  }
  Access& last = cell.reads[Cell::kLast];
  if (last.block && last.block != mine.block) {
    if (last.block >= context_.first_block) cell.reads[Cell::kBlock] = last;
  } else if (last.block && last.epoch == mine.epoch && last.thread != mine.thread) {
    cell.reads[last.thread / kWarpThreads == mine.thread / kWarpThreads ? Cell::kLane : Cell::kWarp] = last;
  }
  last = mine;
}

void Races::conflict(const Access& earlier, bool earlier_writes, const Look& look) {
  PendingWrite& pending = look.state.pending;
  const bool may_be_same = earlier_writes && look.writes && !look.mine.atomic && !earlier.atomic;
  if (!may_be_same || look.size > sizeof pending.before)
    return report(earlier, earlier_writes, look.mine, look.writes, look.array, look.address, look.size);
  if (pending.array) return;
  pending.array = &look.array;
  pending.address = look.address;
  pending.size = look.size;
  std::memcpy(pending.before, reinterpret_cast<const void*>(look.address), look.size);
  pending.earlier = earlier;
  pending.mine = look.mine;
}

void Races::settle(ThreadState& state) {
  PendingWrite& pending = state.pending;
  if (!pending.array) return;
  const Array& array = *pending.array;
  pending.array = nullptr;
  if (std::memcmp(pending.before, reinterpret_cast<const void*>(pending.address), pending.size) != 0)
    report(pending.earlier, true, pending.mine, true, array, pending.address, pending.size);
}

static const char* hint_for(const Access& a, const Access& b, bool in_shared, bool one_warp) {
  if (a.atomic != b.atomic)
    return "one of the two is atomic, the other is not: make both atomic, or put a barrier between them";
  if (a.block != b.block)
    return "blocks of a launch are never ordered: use an atomic operation, give each block elements of its own, or "
           "leave the second part to another launch";
  if (a.thread / kWarpThreads == b.thread / kWarpThreads)
    return one_warp ? "lanes of a warp are not in step by themselves: put __syncwarp() between the two lines"
                    : "put __syncthreads() between the two lines; where all of it happens within a warp, __syncwarp()";
  return in_shared ? "put __syncthreads() between the two lines, on every way from one to the other, round a loop too"
                   : "put __syncthreads() between the two lines, or let each thread write elements of its own";
}

void Races::report(const Access& earlier, bool earlier_writes, const Access& mine, bool mine_writes, const Array& array,
                   uintptr_t address, size_t size) {
  if (!findings_.is_new(Fault::race, earlier.pc, mine.pc, array.number)) return;
  const bool shared = array.space == Space::shared;
  const std::string element = element_name(array, address, size);
  const char* both = earlier_writes && mine_writes ? "two threads write " : "one thread writes and another reads ";
  const auto verb = [](bool writes, bool atomic) {
    return atomic ? "updates by an atomic operation" : writes ? "writes" : "reads";
  };
  Finding& finding = findings_.add(
      Fault::race, both + element + (shared ? " in shared memory" : " in global memory") + ", and nothing orders them",
      {{verb(earlier_writes, earlier.atomic), earlier.pc, earlier.block, earlier.thread},
       {verb(mine_writes, mine.atomic), mine.pc, mine.block, mine.thread}},
      hint_for(earlier, mine, shared, context_.processor->warp_count == 1));
  finding.array = array.name;
  finding.index = element_index(array, address, size);
}

void Races::report_uninitialised(const Look& look) {
  if (!findings_.is_new(Fault::uninitialised, look.mine.pc, 0, look.array.number)) return;
  const bool shared = look.array.space == Space::shared;
  Finding& finding = findings_.add(
      Fault::uninitialised,
      element_name(look.array, look.address, look.size) + " is read before " +
          (shared ? "any thread of the block has written it" : "anybody has written it"),
      {{"reads", look.mine.pc, look.mine.block, look.mine.thread}},
      shared ? "shared memory holds anything at first: write every element that is read later, borders too"
             : "cudaMalloc does not clear memory: copy values there, use cudaMemset, or write it in a kernel first");
  finding.array = look.array.name;
  finding.index = element_index(look.array, look.address, look.size);
}

// After a fence, an atomic operation tells whoever comes to the same address later what the thread, and before the last
// barrier its block, has written.
void Races::hand_over(uintptr_t address, const Thread& thread) {
  const bool releases = context_.threads[thread.linear].fenced;
  const auto found = released_.find(address);
  if (found != released_.end()) {
    for (const auto& [block, release] : found->second) {
      auto& known = known_[block];
      known.first = std::max(known.first, release.first);
      known.second.insert(release.second.begin(), release.second.end());
    }
  }
  if (!releases) return;
  auto& mine = released_[address][context_.block];
  mine.first = context_.epoch;
  mine.second.insert(static_cast<int>(thread.linear));
}

void Races::join_lanes(int first_thread, uint32_t lanes) {
  uint32_t joined[kWarpThreads] = {};
  for (int lane = 0; lane < kWarpThreads; ++lane) {
    if (!(lanes >> lane & 1)) continue;
    const uint32_t* clock = context_.threads[static_cast<size_t>(first_thread + lane)].clock;
    for (int i = 0; i < kWarpThreads; ++i) joined[i] = std::max(joined[i], clock[i]);
  }
  for (int lane = 0; lane < kWarpThreads; ++lane) {
    if (!(lanes >> lane & 1)) continue;
    uint32_t* clock = context_.threads[static_cast<size_t>(first_thread + lane)].clock;
    std::copy_n(joined, kWarpThreads, clock);
    ++clock[lane];
  }
}

}  // namespace cudasim
