// Who runs next, and who waits for whom: the threads of one block as fibers.
#include <sched.h>

#include <algorithm>
#include <chrono>

#include "cudasim/runtime.h"

namespace cudasim {
namespace {

constexpr uint32_t bit(unsigned i) { return 1u << i; }
constexpr uint32_t first_bits(int count) { return count >= 32 ? ~0u : bit(static_cast<unsigned>(count)) - 1; }
unsigned lowest(uint32_t set) { return static_cast<unsigned>(__builtin_ctz(set)); }
// The next member of a set that is not empty after `i`, going round.
unsigned next_after(uint32_t set, unsigned i) {
  const uint32_t later = set & ~(bit(i) | (bit(i) - 1));
  return lowest(later ? later : set);
}

unsigned random_member(uint32_t set, uint64_t& state) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  for (auto skip = static_cast<int>((state >> 33) % static_cast<unsigned>(__builtin_popcount(set))); skip > 0; --skip)
    set &= set - 1;
  return lowest(set);
}

}  // namespace

Multiprocessor::Multiprocessor() : stacks(kMaxThreads), shared_memory_(new char[kMaxSharedBytes + 256]) {
  dynamic_shared = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(shared_memory_.get()) + 255) & ~uintptr_t{255});
}

// The warp that is running goes first: what its lanes work on is in the cache.
inline __attribute__((always_inline)) Thread* Multiprocessor::choose() {
  if (!warps_ready) return nullptr;
  unsigned w = current.thread ? current.thread->warp : 0, lane;
  if (schedule_seed) {
    w = random_member(warps_ready, random_);
    lane = random_member(warps[w].ready, random_);
  } else {
    if (!(warps_ready & bit(w))) w = next_after(warps_ready, w);
    lane = current.thread ? next_after(warps[w].ready, current.thread->lane) : 0;
  }
  Warp& warp = warps[w];
  warp.ready &= ~bit(lane);
  if (!warp.ready) warps_ready &= ~bit(w);
  return &threads[w * kWarpThreads + lane];
}

void Multiprocessor::run_block(const Launch& launch, size_t block) {
  set_shape(launch);
  place.index = {static_cast<unsigned>(block % launch.grid.x),
                 static_cast<unsigned>(block / launch.grid.x % launch.grid.y),
                 static_cast<unsigned>(block / launch.grid.x / launch.grid.y)};
  launch_ = &launch;
  random_ = schedule_seed + block;
  start_block();
  const Current before = current;
  current = {nullptr, &place, this};
  if (observer) observer->block_begin(*this);
  current.thread = choose();
  give_stack(*current.thread);
  main_.switch_to(fibers_[current.thread->linear]);
  current.thread = nullptr;
  if (observer) observer->block_end(*this);
  current = before;
  if (abandoned_) throw LaunchError{};
}

void Multiprocessor::set_shape(const Launch& launch) {
  const dim3 block = launch.block;
  place.grid_dim = launch.grid;
  if (thread_count && block.x == place.block_dim.x && block.y == place.block_dim.y && block.z == place.block_dim.z)
    return;
  place.block_dim = block;
  thread_count = static_cast<int>(block.x * block.y * block.z);
  warp_count = (thread_count + kWarpThreads - 1) / kWarpThreads;
  for (unsigned i = 0; i < static_cast<unsigned>(thread_count); ++i)
    threads[i] = {{i % block.x, i / block.x % block.y, i / block.x / block.y}, i, i / kWarpThreads, i % kWarpThreads};
}

void Multiprocessor::start_block() {
  unfinished = thread_count;
  waiting = votes_ = voters_ = 0;
  yields_ = 0;
  abandoned_ = false;
  warps_ready = first_bits(warp_count);
  for (int w = 0; w < warp_count; ++w) {
    Warp& warp = warps[w];
    warp.ready = warp.unfinished = first_bits(thread_count - w * kWarpThreads);
    warp.at_barrier = 0;
    warp.used = 0;
  }
  std::fill_n(stack_of_, thread_count, int16_t{-1});
  for (free_count_ = 0; free_count_ < thread_count; ++free_count_)
    free_stacks_[free_count_] = static_cast<int16_t>(thread_count - 1 - free_count_);
}

// What every fiber runs. A thread that ends hands its stack to the next one that has none yet: as long as no thread
// waits, a block needs one stack and no switch at all.
void Multiprocessor::fiber_main() {
  Multiprocessor& processor = *current.processor;
  processor.fibers_[current.thread->linear].begin();
  for (;;) {
    Thread& thread = *current.thread;
    if (observer) observer->thread_begin(thread);
    processor.launch_->call(processor.launch_->arguments);
    processor.finish(thread);
    Thread* next = processor.choose();
    const int16_t stack = processor.stack_of_[thread.linear];
    Fiber& fiber = processor.fibers_[thread.linear];
    if (!next) {
      if (processor.unfinished > 0) processor.fail_stuck();
      fiber.leave_for(processor.main_);
    }
    current.thread = next;
    Fiber& other = processor.fibers_[next->linear];
    if (processor.stack_of_[next->linear] < 0) {
      processor.stack_of_[next->linear] = stack;
      other.succeed(fiber);
      continue;
    }
    processor.free_stacks_[processor.free_count_++] = stack;
    fiber.leave_for(other);
  }
}

void Multiprocessor::give_stack(Thread& thread) {
  const int16_t stack = free_stacks_[--free_count_];
  stack_of_[thread.linear] = stack;
  fibers_[thread.linear].prepare(stacks.low(stack), stacks.top(stack), &fiber_main);
}

// The thread that runs cannot go on; it returns from here when it can.
void Multiprocessor::go_on_with_another() {
  Thread& self = *current.thread;
  Thread* next = choose();
  if (!next) {
    fail_stuck();
    fibers_[self.linear].leave_for(main_);
  }
  if (next == &self) return;
  if (stack_of_[next->linear] < 0) give_stack(*next);
  current.thread = next;
  fibers_[self.linear].switch_to(fibers_[next->linear]);
}

void Multiprocessor::fail_stuck() {
  abandoned_ = true;
  if (observer) return observer->stuck(*this);
  set_last_error(cudaErrorLaunchFailure, "threads wait at a barrier that others of their block or warp never reach");
}

void Multiprocessor::abandon() {
  abandoned_ = true;
  fibers_[current.thread->linear].leave_for(main_);
}

void Multiprocessor::finish(Thread& thread) {
  if (observer) observer->thread_end(thread);
  Warp& warp = warps[thread.warp];
  warp.unfinished &= ~bit(thread.lane);
  --unfinished;
  for (int i = 0; i < warp.used; ++i)
    if (warp.gatherings[i].arrived) release_if_complete(warp, warp.gatherings[i], thread, false);
  if (unfinished > 0 && waiting == unfinished) release_block();
}

void Multiprocessor::block_barrier(Place from) {
  Thread& self = *current.thread;
  if (observer) observer->block_wait(self, from);
  if (++waiting == unfinished) return release_block();
  warps[self.warp].at_barrier |= bit(self.lane);
  go_on_with_another();
}

void Multiprocessor::release_block() {
  if (observer) observer->block_release(*this);
  waiting = 0;
  vote_result_ = votes_;
  voters_result_ = voters_;
  votes_ = voters_ = 0;
  for (int w = 0; w < warp_count; ++w) {
    Warp& warp = warps[w];
    warp.ready |= warp.at_barrier;
    warp.at_barrier = 0;
    if (warp.ready) warps_ready |= bit(static_cast<unsigned>(w));
  }
}

// Nobody can come to the next barrier, and change the result, before all have read it.
int Multiprocessor::block_barrier_vote(Place from, bool predicate, char what) {
  votes_ += predicate;
  ++voters_;
  block_barrier(from);
  return what == 'c' ? vote_result_ : what == 'a' ? vote_result_ == voters_result_ : vote_result_ > 0;
}

// Lanes of one mask meet in one gathering. It is used anew only after all have looked at its values, and a lane that is
// ahead may come to the next operation of the same mask before: that is then another gathering.
Gathering& Multiprocessor::find_gathering(Warp& warp, uint32_t mask) {
  Gathering* unused = nullptr;
  for (int i = 0; i < warp.used; ++i) {
    Gathering& gathering = warp.gatherings[i];
    if (gathering.arrived && gathering.mask == mask) return gathering;
    if (!unused && !gathering.arrived && !gathering.readers) unused = &gathering;
  }
  if (!unused) unused = &warp.gatherings[warp.used++];
  unused->mask = mask;
  unused->arrived = unused->readers = 0;
  return *unused;
}

Gathering& Multiprocessor::gather(uint32_t mask, uint64_t value, bool is_barrier, Place from) {
  Thread& self = *current.thread;
  if (observer) observer->warp_wait(self, mask, is_barrier, from);
  Warp& warp = warps[self.warp];
  Gathering& gathering = find_gathering(warp, mask | bit(self.lane));
  gathering.values[self.lane] = value;
  gathering.arrived |= bit(self.lane);
  release_if_complete(warp, gathering, self, is_barrier);
  if (gathering.arrived) go_on_with_another();
  gathering.readers &= ~bit(self.lane);
  return gathering;
}

// Lanes that have ended, or that a short last warp never had, are not waited for.
void Multiprocessor::release_if_complete(Warp& warp, Gathering& gathering, Thread& last, bool is_barrier) {
  if (gathering.arrived != (gathering.mask & warp.unfinished)) return;
  if (observer) observer->warp_release(last, gathering.arrived, is_barrier);
  gathering.present = gathering.readers = gathering.arrived;
  gathering.arrived = 0;
  warp.ready |= gathering.present & ~(warp.unfinished & bit(last.lane));
  if (warp.ready) warps_ready |= bit(last.warp);
}

// All other threads of the block get a turn before this one goes on.
void Multiprocessor::yield() {
  using Clock = std::chrono::steady_clock;
  static thread_local Clock::time_point since;
  if (++yields_ == 1) since = Clock::now();
  if (yields_ % 4096 == 0) {
    sched_yield();  // to the OS threads that run other blocks
    if (Clock::now() - since > std::chrono::seconds(observer ? 2 : 20)) {
      fail_stuck();
      abandon();
    }
  }
  Thread& self = *current.thread;
  const uint32_t others = warps_ready & ~bit(self.warp);
  const uint32_t mine = warps[self.warp].ready;
  if (!others && !mine) return;
  // first the lanes behind this one, then other warps, at last the lanes before it
  const bool later_lanes = self.lane < 31 && (mine >> self.lane >> 1);
  const unsigned w = later_lanes || !others ? self.warp : next_after(others, self.warp);
  const unsigned lane = w == self.warp ? next_after(mine, self.lane) : lowest(warps[w].ready);
  warps[w].ready &= ~bit(lane);
  if (!warps[w].ready) warps_ready &= ~bit(w);
  warps[self.warp].ready |= bit(self.lane);
  warps_ready |= bit(self.warp);
  Thread& next = threads[w * kWarpThreads + lane];
  if (stack_of_[next.linear] < 0) give_stack(next);
  current.thread = &next;
  fibers_[self.linear].switch_to(fibers_[next.linear]);
}

}  // namespace cudasim
