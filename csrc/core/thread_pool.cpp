#include "core/thread_pool.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/cpu_info.h"

namespace pe {
namespace {

// Longer than a small kernel and the Python between two of them, shorter than what waking a thread costs a few times.
constexpr std::chrono::microseconds kSpin{50};

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// Looks at `done()` for kSpin at most; the clock costs more than a look.
template <class Done>
bool spin_until(Done done) {
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 32; ++i) {
      if (done()) return true;
      relax();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

// A job is a counter of blocks that nobody has taken and one of blocks that are not finished. Whoever takes a block by
// lowering the first one may read the job until it lowers the second one; the job ends, and its fields may change, when
// the second one is 0. A worker that comes late takes nothing, or already a block of the next job: both are right.
class ThreadPool {
 public:
  // The right to use the workers, for the length of a job; false while a job has it, the one that the caller is a block
  // of included.
  bool try_claim() {
    return !claimed_.load(std::memory_order_relaxed) && !claimed_.exchange(true, std::memory_order_acquire);
  }
  void unclaim() { claimed_.store(false, std::memory_order_release); }

  // With the claim held.
  void run(int threads, int64_t blocks, void (*body)(void*, int64_t), void* context);

 private:
  void resize(int workers);
  void stop_workers();
  void start_job();
  void worker(uint32_t seen);
  bool wait_for_job(uint32_t seen);
  void take_blocks();
  void run_block(int64_t block);
  void wait_until_finished();

  std::atomic<bool> claimed_ = false;
  std::vector<std::thread> workers_;

  void (*body_)(void*, int64_t) = nullptr;
  void* context_ = nullptr;
  int64_t blocks_ = 0;
  std::exception_ptr error_;  // of the lowest block that threw, under mutex_
  int64_t error_block_ = 0;

  // On cache lines of their own: all threads write the counters, while waiting threads keep reading job_number_.
  alignas(64) std::atomic<int64_t> untaken_ = 0;
  alignas(64) std::atomic<int64_t> unfinished_ = 0;
  alignas(64) std::atomic<uint32_t> job_number_ = 0;
  std::atomic<bool> stop_ = false;

  alignas(64) std::mutex mutex_;
  std::condition_variable job_started_, job_finished_;
  std::atomic<int> sleeping_workers_ = 0;
  std::atomic<bool> caller_sleeps_ = false;
};

void ThreadPool::run(int threads, int64_t blocks, void (*body)(void*, int64_t), void* context) {
  if (static_cast<int>(workers_.size()) != threads - 1) resize(threads - 1);
  body_ = body;
  context_ = context;
  blocks_ = blocks;
  error_block_ = blocks;
  unfinished_.store(blocks, std::memory_order_relaxed);
  untaken_.store(blocks, std::memory_order_release);  // publishes the fields above
  start_job();
  take_blocks();
  wait_until_finished();
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

// Sleeping and waking: a worker announces itself in sleeping_workers_ and then looks at job_number_ once more;
// start_job changes job_number_ and then looks at sleeping_workers_. In the one order that all sequentially consistent
// operations have, one of the two sees the other, so no wake-up is lost. The end of a job works the same way.

void ThreadPool::start_job() {
  job_number_.fetch_add(1);
  const int asleep = sleeping_workers_.load();
  if (asleep == 0) return;
  const int64_t wanted = std::min<int64_t>(blocks_ - 1, static_cast<int64_t>(workers_.size()));
  const int64_t awake = static_cast<int64_t>(workers_.size()) - asleep;
  mutex_.lock();  // with the mutex free, whoever was about to sleep is asleep and can be woken
  mutex_.unlock();
  for (int64_t i = awake; i < wanted; ++i) job_started_.notify_one();
}

bool ThreadPool::wait_for_job(uint32_t seen) {
  const auto ready = [&] { return job_number_.load() != seen || stop_.load(); };
  if (!spin_until(ready)) {
    std::unique_lock lock(mutex_);
    sleeping_workers_.fetch_add(1);
    job_started_.wait(lock, ready);
    sleeping_workers_.fetch_sub(1);
  }
  return !stop_.load();
}

void ThreadPool::worker(uint32_t seen) {
  while (wait_for_job(seen)) {
    seen = job_number_.load();
    take_blocks();
  }
}

void ThreadPool::take_blocks() {
  int64_t finished = 0;
  while (untaken_.load(std::memory_order_relaxed) > 0) {
    const int64_t left = untaken_.fetch_sub(1, std::memory_order_acquire);
    if (left <= 0) break;
    run_block(blocks_ - left);
    ++finished;
  }
  if (finished > 0 && unfinished_.fetch_sub(finished) == finished && caller_sleeps_.load()) {
    std::lock_guard lock(mutex_);
    job_finished_.notify_one();
  }
}

void ThreadPool::run_block(int64_t block) {
  try {
    body_(context_, block);
  } catch (...) {
    std::lock_guard lock(mutex_);
    if (block < error_block_) {
      error_block_ = block;
      error_ = std::current_exception();
    }
  }
}

void ThreadPool::wait_until_finished() {
  const auto finished = [&] { return unfinished_.load() == 0; };
  if (spin_until(finished)) return;
  std::unique_lock lock(mutex_);
  caller_sleeps_.store(true);
  job_finished_.wait(lock, finished);
  caller_sleeps_.store(false);
}

void ThreadPool::resize(int workers) {
  if (workers < static_cast<int>(workers_.size())) stop_workers();
  // Signals are for the thread that Python waits with.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    while (static_cast<int>(workers_.size()) < workers) {
      workers_.emplace_back(&ThreadPool::worker, this, job_number_.load());
#ifdef __linux__
      pthread_setname_np(workers_.back().native_handle(), "pyengine");
#endif
    }
  } catch (const std::exception&) {
    // The system allows no more threads; those that there are, the caller at least, do all the work.
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void ThreadPool::stop_workers() {
  stop_.store(true);
  {
    std::lock_guard lock(mutex_);
    job_started_.notify_all();
  }
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
  stop_.store(false);
}

// Made at the first job and never destroyed: the workers may outlive every destructor of the process.
std::atomic<ThreadPool*> g_pool = nullptr;

ThreadPool& pool() {
  ThreadPool* pool = g_pool.load(std::memory_order_acquire);
  if (pool) return *pool;
  auto* fresh = new ThreadPool;
  if (g_pool.compare_exchange_strong(pool, fresh, std::memory_order_acq_rel)) return *fresh;
  delete fresh;  // another thread was first
  return *pool;
}

// Only the thread that forks lives on in the child. The parent's pool, in whatever state it was, is left behind.
const int g_fork_handler = pthread_atfork(nullptr, nullptr, [] { g_pool.store(nullptr); });

std::string range_text() { return "a whole number from 1 to " + std::to_string(kMaxThreads); }

int default_threads() {
  const char* text = std::getenv("PYENGINE_NUM_THREADS");
  if (!text || !*text) return std::min(usable_cores(), kMaxThreads);
  int threads = 0;
  const char* end = text + std::strlen(text);
  const auto [stopped, error] = std::from_chars(text, end, threads);
  if (error != std::errc() || stopped != end || threads < 1 || threads > kMaxThreads) {
    throw std::invalid_argument("PYENGINE_NUM_THREADS='" + std::string(text) + "': expected " + range_text());
  }
  return threads;
}

std::atomic<int> g_threads = 0;  // 0 until someone asks

}  // namespace

int num_threads() {
  const int threads = g_threads.load(std::memory_order_relaxed);
  if (threads > 0) return threads;
  int unset = 0;
  g_threads.compare_exchange_strong(unset, default_threads());
  return g_threads.load();
}

void set_num_threads(int64_t threads) {
  if (threads < 1 || threads > kMaxThreads) {
    throw std::invalid_argument("set_num_threads: expected " + range_text() + ", not " + std::to_string(threads));
  }
  g_threads.store(static_cast<int>(threads));
}

void run_blocks(int64_t blocks, void (*body)(void*, int64_t), void* context) {
  const int threads = num_threads();
  if (blocks > 1 && threads > 1) {
    ThreadPool& workers = pool();
    if (workers.try_claim()) {
      const struct Unclaim {
        ThreadPool& pool;
        ~Unclaim() { pool.unclaim(); }
      } unclaim{workers};
      workers.run(threads, blocks, body, context);
      return;
    }
  }
  for (int64_t block = 0; block < blocks; ++block) body(context, block);
}

}  // namespace pe
