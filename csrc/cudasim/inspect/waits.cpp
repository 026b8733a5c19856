// What can go wrong with waiting: barriers that not all come to, masks that do not fit.
#include <algorithm>
#include <cstdio>

#include "cudasim/inspect/inspector.h"

namespace cudasim {
namespace {

std::string mask_text(uint32_t mask) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", mask);
  return text;
}

std::string threads_text(int n) { return std::to_string(n) + (n == 1 ? " thread" : " threads"); }

}  // namespace

void Inspector::thread_begin(Thread&) {}

void Inspector::thread_end(Thread& thread) {
  ThreadState& state = state_of(thread);
  races_.settle(state);
  state.ended = true;
  const int first = static_cast<int>(thread.warp) * kWarpThreads;
  const int end = std::min(first + kWarpThreads, context_.processor->thread_count);
  for (int i = first; i < end; ++i)
    if (!context_.threads[static_cast<size_t>(i)].ended) return;
  replay_warp(static_cast<int>(thread.warp));
}

void Inspector::block_wait(Thread& thread, Place place) {
  ThreadState& state = state_of(thread);
  races_.settle(state);
  state.wait = place;
  state.wait_mask = 0;
  state.waits = true;
}

void Inspector::block_release(Multiprocessor& processor) {
  compare_waits(processor);
  report_skipped(processor);
  for (int warp = 0; warp < processor.warp_count; ++warp) replay_warp(warp);
  for (int i = 0; i < processor.thread_count; ++i) context_.threads[static_cast<size_t>(i)].waits = false;
  ++context_.epoch;
}

// All threads of a block must meet at one and the same __syncthreads of the source.
void Inspector::compare_waits(Multiprocessor& processor) {
  const Thread* first = nullptr;
  for (int i = 0; i < processor.thread_count; ++i) {
    const Thread& thread = processor.threads[i];
    const ThreadState& state = state_of(thread);
    if (!state.waits) continue;
    if (!first) first = &thread;
    const Place here = state.wait, there = state_of(*first).wait;
    if (here.site == there.site) continue;
    const uint32_t pc = offset(there.caller), other_pc = offset(here.caller);
    if (findings_.is_new(Fault::divergent_barrier, pc, other_pc, 0))
      findings_.add(Fault::divergent_barrier, "threads of one block wait at different barriers",
                    {deed("waits", pc, *first), deed("waits", other_pc, thread)},
                    "move __syncthreads() out of the branch, to where all threads of the block come along");
    return;
  }
}

void Inspector::report_skipped(Multiprocessor& processor) {
  const Thread *ended = nullptr, *waiting = nullptr;
  int count = 0;
  for (int i = processor.thread_count - 1; i >= 0; --i) {
    const ThreadState& state = state_of(processor.threads[i]);
    if (state.ended) ended = &processor.threads[i];
    if (state.waits) waiting = &processor.threads[i];
    count += state.ended;
  }
  if (!ended || !waiting) return;
  const uint32_t pc = offset(state_of(*waiting).wait.caller);
  if (!findings_.is_new(Fault::skipped_barrier, pc, 0, 0)) return;
  findings_.add(Fault::skipped_barrier,
                threads_text(count) + " of " + std::to_string(processor.thread_count) +
                    " returned from the kernel without coming to a barrier that the others wait at",
                {deed("waits", pc, *waiting), {"returned", 0, context_.block, static_cast<int>(ended->linear)}},
                "let every thread come to __syncthreads(): guard the work with an if, not the thread with a return");
}

void Inspector::warp_wait(Thread& thread, uint32_t mask, bool, Place place) {
  ThreadState& state = state_of(thread);
  races_.settle(state);
  state.wait = place;
  state.wait_mask = mask;
  state.waits = true;
  const uint32_t pc = offset(place.caller);
  if (mask >> thread.lane & 1 || !findings_.is_new(Fault::bad_mask, pc, 0, 0)) return;
  findings_.add(Fault::bad_mask, "the mask " + mask_text(mask) + " leaves out the lane that calls with it",
                {deed("calls", pc, thread)}, "a lane's own bit must be in the mask: who is not in it must not call");
}

void Inspector::warp_release(Thread& last, uint32_t present, bool is_barrier) {
  const int first = static_cast<int>(last.warp) * kWarpThreads;
  const Thread* one = nullptr;
  for (uint32_t lanes = present; lanes; lanes &= lanes - 1) {
    const Thread& thread = context_.processor->threads[first + __builtin_ctz(lanes)];
    ThreadState& state = state_of(thread);
    state.waits = false;
    if (!one) one = &thread;
    const uint32_t pc = offset(state_of(*one).wait.caller), other_pc = offset(state.wait.caller);
    if (pc == other_pc || !findings_.is_new(Fault::divergent_warp, pc, other_pc, 0)) continue;
    findings_.add(Fault::divergent_warp, "lanes of one warp meet in different operations",
                  {deed("calls", pc, *one), deed("calls", other_pc, thread)},
                  "all lanes of a mask must call the same operation: move it out of the branch");
  }
  if (is_barrier) races_.join_lanes(first, present);
  if (present == context_.processor->warps[last.warp].unfinished) replay_warp(static_cast<int>(last.warp));
}

void Inspector::source_lane(Thread& thread, int lane, uint32_t present) {
  const ThreadState& state = state_of(thread);
  const bool in_own_mask = state.wait_mask >> thread.lane & 1;  // else that is what is wrong
  if (present >> lane & 1 || !in_own_mask) return;
  const uint32_t pc = offset(state.wait.caller);
  if (!findings_.is_new(Fault::inactive_lane, pc, 0, 0)) return;
  const bool named = state.wait_mask >> lane & 1;
  findings_.add(Fault::inactive_lane,
                "a shuffle reads from lane " + std::to_string(lane) + ", which " +
                    (named ? "has returned from the kernel or was never there"
                           : "is not in the mask " + mask_text(state.wait_mask)),
                {deed("calls", pc, thread)},
                named ? "let all 32 lanes come to the shuffle, those without work with a neutral value"
                      : "the mask must name every lane that is read from, and these must call too");
}

void Inspector::stuck(Multiprocessor& processor) {
  std::map<std::pair<const void*, uint32_t>, std::pair<const Thread*, int>> places;  // of waiting: first thread, count
  for (int i = 0; i < processor.thread_count; ++i) {
    const ThreadState& state = state_of(processor.threads[i]);
    if (!state.waits || state.ended) continue;
    auto& place = places[{state.wait.caller, state.wait_mask}];
    if (!place.second++) place.first = &processor.threads[i];
  }
  if (places.empty()) {
    findings_.add(
        Fault::stuck, "threads go round in a loop and wait for what does not happen",
        {deed("loops", 0, *current.thread)},
        "what another thread sets must be read by an atomic operation or through volatile, and that thread must "
        "be able to come there: blocks need not run at the same time");
    return;
  }
  Finding& finding = findings_.add(Fault::stuck, "threads wait for others that never come", {},
                                   "every thread of the block must reach the same __syncthreads(), and every lane of a "
                                   "mask the same warp operation, "
                                   "with the same mask");
  for (const auto& [place, threads] : places) {
    finding.deeds.push_back(findings_.placed(deed("waits", offset(place.first), *threads.first)));
    finding.text += "; " + threads_text(threads.second) +
                    (place.second ? " for lanes " + mask_text(place.second) : std::string(" for the block"));
  }
}

}  // namespace cudasim
