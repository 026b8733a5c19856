#include "cudasim/inspect/profile.h"

#include <algorithm>

namespace cudasim {
namespace {

// How many distinct numbers there are; sorts them.
int count_distinct(uintptr_t* begin, uintptr_t* end) {
  if (!std::is_sorted(begin, end)) std::sort(begin, end);
  return static_cast<int>(std::unique(begin, end) - begin);
}

void count_sectors(LineCost& cost, const Event* const* lanes, int count) {
  constexpr uintptr_t kSector = 32;
  uintptr_t sectors[kWarpThreads * 2], addresses[kWarpThreads];
  int n = 0;
  for (int i = 0; i < count; ++i) {
    const uintptr_t first = lanes[i]->address / kSector, last = (lanes[i]->address + lanes[i]->size - 1) / kSector;
    sectors[n++] = first;
    if (last != first) sectors[n++] = last;
    addresses[i] = lanes[i]->address;
  }
  cost.sectors += static_cast<uint64_t>(count_distinct(sectors, sectors + n));
  const auto distinct_bytes = static_cast<uint64_t>(count_distinct(addresses, addresses + count)) * lanes[0]->size;
  cost.ideal_sectors += (distinct_bytes + kSector - 1) / kSector;
}

void count_wavefronts(LineCost& cost, const Event* const* lanes, int count) {
  constexpr int kBanks = 32;
  constexpr uintptr_t kWord = 4;
  const int together = lanes[0]->size <= 4 ? 32 : 128 / lanes[0]->size;
  for (int begin = 0; begin < count; begin += together) {
    const int end = std::min(count, begin + together);
    uintptr_t words[kBanks][kWarpThreads * 4];
    int used[kBanks] = {}, most = 0;
    for (int i = begin; i < end; ++i) {
      const uintptr_t last = (lanes[i]->address + lanes[i]->size - 1) / kWord;
      for (uintptr_t word = lanes[i]->address / kWord; word <= last; ++word) {
        uintptr_t* bank = words[word % kBanks];
        int& n = used[word % kBanks];
        if (std::find(bank, bank + n, word) == bank + n) bank[n++] = word;
        most = std::max(most, n);
      }
    }
    cost.wavefronts += static_cast<uint64_t>(most);
    cost.ideal_wavefronts += 1;
  }
}

}  // namespace

void count_request(LineCost& cost, const Event* const* lanes, int count) {
  ++cost.requests;
  cost.lanes += static_cast<uint64_t>(count);
  if (cost.space == Space::shared) {
    count_wavefronts(cost, lanes, count);
  } else {
    count_sectors(cost, lanes, count);
  }
}

static void count_step(Arrays& arrays, KernelProfile& profile, const Event* const* lanes, int count, int there) {
  const Event& first = *lanes[0];
  if (first.doing == Doing::step) {
    uint64_t times = 0, lane_times = 0;
    for (int i = 0; i < count; ++i) {
      const uint64_t taken = uint64_t{lanes[i]->size} + 1;
      times = std::max(times, taken);
      lane_times += taken;
    }
    StepCost& step = profile.steps[first.pc];
    step.times += times;
    step.lanes += lane_times;
    step.lanes_there += times * static_cast<uint64_t>(there);
    return;
  }
  const Array* array = arrays.find(first.address);
  if (!array) return;
  LineCost& cost = profile.lines[{first.pc, array->number}];
  if (!cost.requests) {
    cost.doing = first.doing;
    cost.space = array->space;
    cost.array = array->name;
    cost.bytes = first.size;
  }
  count_request(cost, lanes, count);
  cost.lanes_there += static_cast<uint64_t>(there);
}

static constexpr int kAhead = 16;  // events of a lane fetched before they are looked at: 32 logs are read side by side

void replay(Context& context, Arrays& arrays, int warp, KernelProfile& profile) {
  const int first_thread = warp * kWarpThreads;
  const int there = std::min(kWarpThreads, context.processor->thread_count - first_thread);
  const Event *next[kWarpThreads], *end[kWarpThreads];
  for (int lane = 0; lane < there; ++lane) {
    const auto& log = context.threads[static_cast<size_t>(first_thread + lane)].log;
    next[lane] = log.data();
    end[lane] = log.data() + log.size();
  }
  for (;;) {
    const Event* leader = nullptr;
    bool all_there = true;
    for (int lane = 0; lane < there; ++lane) {
      const Event* event = next[lane];
      if (event == end[lane]) {
        all_there = false;
        continue;
      }
      __builtin_prefetch(event + kAhead);
      if (!leader) {
        leader = event;
      } else if (event->depth != leader->depth || event->pc != leader->pc) {
        all_there = false;
        if (event->depth > leader->depth || (event->depth == leader->depth && event->pc < leader->pc)) leader = event;
      }
    }
    if (!leader) break;
    const Event* together[kWarpThreads];
    int count = 0;
    for (int lane = 0; lane < there; ++lane)
      if (all_there || (next[lane] != end[lane] && next[lane]->pc == leader->pc && next[lane]->depth == leader->depth))
        together[count++] = next[lane]++;
    count_step(arrays, profile, together, count, there);
  }
  for (int lane = 0; lane < there; ++lane) context.threads[static_cast<size_t>(first_thread + lane)].log.clear();
}

}  // namespace cudasim
