// Memory and thread pool under load: several callers at once split jobs over the workers, allocate in every block,
// throw, nest, and change the settings meanwhile. What AddressSanitizer and ThreadSanitizer see of csrc/core.
//
//   check_core          a second or two
//   check_core 10000    that many jobs for each caller
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "core/linked_core.h"
#include "core/memory.h"
#include "core/parallel.h"

namespace pe {
namespace {

std::atomic<int> g_failures = 0;

void expect(bool holds, const std::string& what) {
  if (!holds && ++g_failures <= 20) std::fprintf(stderr, "check_core: %s\n", what.c_str());
}

struct BlockFailed {
  int64_t block;
};

// Memory that another thread got at the same time would show the other thread's numbers.
void use_memory(int64_t tag, int64_t count) {
  Scratch<int64_t> scratch(count);
  std::fill_n(scratch.data(), count, tag);
  std::this_thread::yield();
  expect(std::count(scratch.data(), scratch.data() + count, tag) == count, "two owners of one block of memory");
  expect(reinterpret_cast<uintptr_t>(scratch.data()) % kBlockAlignment == 0, "a block that is not aligned");
}

// A job of `blocks` blocks, each of which must run exactly once; from block `failing` on they throw, if it is not -1.
void run_job(int64_t tag, int64_t blocks, int64_t failing) {
  std::vector<int> runs(static_cast<size_t>(blocks), 0);
  int64_t failed = -1;
  try {
    parallel_for(blocks, [&](int64_t block) {
      ++runs[static_cast<size_t>(block)];
      use_memory(tag + block, 1 + block * 977 % 3000);
      std::atomic<int> inner = 0;
      parallel_for(3, [&](int64_t) { ++inner; });
      expect(inner == 3, "a nested job did not run all its blocks");
      if (failing >= 0 && block >= failing) throw BlockFailed{block};
    });
  } catch (const BlockFailed& error) {
    failed = error.block;
  }
  expect(failed == failing,
         "expected the exception of block " + std::to_string(failing) + ", not that of " + std::to_string(failed));
  // A job that runs on one thread stops at the exception.
  const auto ends = failing < 0 ? runs.end() : runs.begin() + failing + 1;
  expect(std::all_of(runs.begin(), ends, [](int n) { return n == 1; }), "a block did not run exactly once");
  expect(std::all_of(ends, runs.end(), [](int n) { return n <= 1; }), "a block ran twice");
}

void call_jobs(unsigned caller, int jobs) {
  std::mt19937 random(caller);
  const auto below = [&](unsigned n) { return static_cast<int64_t>(random() % n); };
  for (int i = 0; i < jobs; ++i) {
    const int64_t blocks = 1 + below(9);
    run_job(int64_t{caller} << 32 | i, blocks, below(5) == 0 ? below(static_cast<unsigned>(blocks)) : -1);
    if (below(40) == 0) std::this_thread::sleep_for(std::chrono::microseconds(below(150)));  // workers fall asleep
    if (caller == 1 && below(100) == 0) set_num_threads(1 + below(5));
    if (caller == 2 && below(50) == 0) empty_cache();
    if (caller == 3 && below(50) == 0) set_cache_limit(static_cast<size_t>(below(3)) * 20000);
  }
}

void check_limits() {
  for (int64_t wrong : {int64_t{0}, int64_t{-1}, int64_t{kMaxThreads} + 1}) {
    try {
      set_num_threads(wrong);
      expect(false, "set_num_threads accepted " + std::to_string(wrong));
    } catch (const std::invalid_argument&) {
    }
  }
  try {
    release(allocate(size_t{1} << 60), size_t{1} << 60);
    expect(false, "allocate found an exbibyte");
  } catch (const std::bad_alloc& error) {
    expect(std::string(error.what()).find("1152921504606846976 bytes") != std::string::npos, error.what());
  }
}

int run(int jobs) {
  use_linked_core();
  set_num_threads(4);
  check_limits();
  std::vector<std::thread> callers;
  for (unsigned caller = 0; caller < 4; ++caller) callers.emplace_back(call_jobs, caller, jobs);
  for (std::thread& caller : callers) caller.join();

  const MemoryStats stats = memory_stats();
  expect(stats.in_use == 0, std::to_string(stats.in_use) + " bytes were not released");
  expect(stats.cached <= stats.cache_limit, "the cache is above its limit");
  empty_cache();  // links between cached blocks are out of a leak checker's sight
  std::printf("%d jobs, %llu allocations, %d failures\n", 4 * jobs, static_cast<unsigned long long>(stats.allocations),
              g_failures.load());
  return g_failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace pe

int main(int count, char** arguments) { return pe::run(count > 1 ? std::atoi(arguments[1]) : 2000); }
