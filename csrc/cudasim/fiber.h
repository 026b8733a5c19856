// A fiber: a flow of execution with a stack of its own, which runs until it gives the processor to another one.
//
// Giving it away is storing the registers that a function must preserve and taking up those of the other fiber: some
// ten instructions, because all other registers are, to the compiler, lost at a call anyhow.
#pragma once

#include <cstddef>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define CUDASIM_ADDRESS_SANITIZER
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define CUDASIM_ADDRESS_SANITIZER
#endif

#if !defined(__x86_64__) && !defined(__aarch64__)
#define CUDASIM_UCONTEXT
#include <ucontext.h>
#endif

namespace cudasim {

class Fiber {
 public:
  // Makes a fiber that has not run: switching to it calls entry(), which must never return.
  void prepare(void* stack_low, void* stack_top, void (*entry)());

  // Gives the processor from this running fiber to `next`; returns when somebody switches back.
  void switch_to(Fiber& next);
  // The same for a fiber that nobody will switch back to.
  [[noreturn]] void leave_for(Fiber& next);
  // Makes this the fiber that is running, in place of `ended`, on the same stack.
  void succeed(const Fiber& ended);
  // The first thing that `entry` calls.
  void begin();

 private:
  void exchange_registers(Fiber& next);
  void announce_leaving(bool for_ever, const Fiber& next);  // to AddressSanitizer, which must know the running stack
  void announce_arrival();

#ifdef CUDASIM_UCONTEXT
  ucontext_t context_;
#else
  void* stack_pointer_ = nullptr;  // where the registers lie while the fiber is not running
#endif
#ifdef CUDASIM_ADDRESS_SANITIZER
  const void* stack_low_ = nullptr;  // nullptr for the OS thread's own stack, until it was left once
  size_t stack_bytes_ = 0;
  void* fake_stack_ = nullptr;
#endif
};

#ifdef CUDASIM_UCONTEXT
inline void Fiber::exchange_registers(Fiber& next) { swapcontext(&context_, &next.context_); }
#else
// Pushes the preserved registers, stores the stack pointer in *save, takes `load` for it, and pops.
extern "C" __attribute__((visibility("hidden"))) void cudasim_switch(void** save, void* load);
inline void Fiber::exchange_registers(Fiber& next) { cudasim_switch(&stack_pointer_, next.stack_pointer_); }
#endif

#ifndef CUDASIM_ADDRESS_SANITIZER
inline void Fiber::announce_leaving(bool, const Fiber&) {}
inline void Fiber::announce_arrival() {}
inline void Fiber::succeed(const Fiber&) {}
#endif

inline void Fiber::begin() { announce_arrival(); }

inline void Fiber::switch_to(Fiber& next) {
  announce_leaving(false, next);
  exchange_registers(next);
  announce_arrival();
}

inline void Fiber::leave_for(Fiber& next) {
  announce_leaving(true, next);
  exchange_registers(next);
  __builtin_unreachable();
}

// Stacks for the fibers of one OS thread. Memory is reserved at once and used as it is touched. Below each of the first
// ones lies a page that may not be touched, so that a stack that grows too far stops the program there; not below all,
// because the system counts the pieces that memory is cut into.
class Stacks {
 public:
  explicit Stacks(int count);
  ~Stacks();
  Stacks(const Stacks&) = delete;
  Stacks& operator=(const Stacks&) = delete;

  void* low(int i) const { return base_ + static_cast<size_t>(i) * kStride + kPage; }
  void* top(int i) const;
  bool contains(const void* address) const { return address >= base_ && address < base_ + bytes_; }

 private:
#ifdef CUDASIM_ADDRESS_SANITIZER
  static constexpr size_t kStride = size_t{256} << 10;
#else
  static constexpr size_t kStride = size_t{64} << 10;
#endif
  static constexpr size_t kPage = 4096;
  static constexpr int kGuarded = 256;
  char* base_;
  size_t bytes_;
};

}  // namespace cudasim
