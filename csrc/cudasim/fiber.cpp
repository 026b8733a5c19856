#include "cudasim/fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>

#ifdef CUDASIM_ADDRESS_SANITIZER
#include <sanitizer/common_interface_defs.h>
#endif

namespace cudasim {

#ifndef CUDASIM_UCONTEXT

#define CUDASIM_STRING_(x) #x
#define CUDASIM_STRING(x) CUDASIM_STRING_(x)
#define CUDASIM_SYMBOL CUDASIM_STRING(__USER_LABEL_PREFIX__) "cudasim_switch"

#if defined(__x86_64__)

__asm__(".text\n.p2align 4\n.globl " CUDASIM_SYMBOL "\n" CUDASIM_SYMBOL R"(:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");

// What cudasim_switch pops: six registers and the address to return to. A function is entered with the stack 8 bytes
// off a multiple of 16, as a call leaves it.
static void* first_frame(void* top, void (*entry)()) {
  auto* frame = reinterpret_cast<void**>(reinterpret_cast<uintptr_t>(top) & ~uintptr_t{15});
  *--frame = nullptr;  // the return address of `entry`: nowhere
  *--frame = reinterpret_cast<void*>(entry);
  for (int i = 0; i < 6; ++i) *--frame = nullptr;
  return frame;
}

#else  // __aarch64__

__asm__(".text\n.p2align 4\n.globl " CUDASIM_SYMBOL "\n" CUDASIM_SYMBOL R"(:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
)");

// What cudasim_switch loads; x30, the eleventh register after x19, is the address to return to.
static void* first_frame(void* top, void (*entry)()) {
  auto* frame = reinterpret_cast<void**>(reinterpret_cast<uintptr_t>(top) & ~uintptr_t{15}) - 20;
  for (int i = 0; i < 20; ++i) frame[i] = nullptr;
  frame[11] = reinterpret_cast<void*>(entry);
  return frame;
}

#endif

#endif  // CUDASIM_UCONTEXT

void Fiber::prepare([[maybe_unused]] void* stack_low, void* stack_top, void (*entry)()) {
  [[maybe_unused]] const auto bytes =
      static_cast<size_t>(static_cast<char*>(stack_top) - static_cast<char*>(stack_low));
#ifdef CUDASIM_UCONTEXT
  getcontext(&context_);
  context_.uc_stack.ss_sp = stack_low;
  context_.uc_stack.ss_size = bytes;
  context_.uc_link = nullptr;
  makecontext(&context_, entry, 0);
#else
  stack_pointer_ = first_frame(stack_top, entry);
#endif
#ifdef CUDASIM_ADDRESS_SANITIZER
  stack_low_ = stack_low;
  stack_bytes_ = bytes;
  fake_stack_ = nullptr;
#endif
}

#ifdef CUDASIM_ADDRESS_SANITIZER

static __thread Fiber* left;

void Fiber::succeed(const Fiber& ended) {
  stack_low_ = ended.stack_low_;
  stack_bytes_ = ended.stack_bytes_;
  fake_stack_ = ended.fake_stack_;
}

void Fiber::announce_leaving(bool for_ever, const Fiber& next) {
  left = this;
  __sanitizer_start_switch_fiber(for_ever ? nullptr : &fake_stack_, next.stack_low_, next.stack_bytes_);
}

void Fiber::announce_arrival() { __sanitizer_finish_switch_fiber(fake_stack_, &left->stack_low_, &left->stack_bytes_); }

#endif

Stacks::Stacks(int count) : bytes_(static_cast<size_t>(count) * kStride + kPage) {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS;
#ifdef MAP_NORESERVE
  flags |= MAP_NORESERVE;
#endif
  void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  base_ = static_cast<char*>(memory);
  for (int i = 0; i < count && i < kGuarded; ++i)
    if (mprotect(base_ + static_cast<size_t>(i) * kStride, kPage, PROT_NONE) != 0) break;
}

Stacks::~Stacks() { munmap(base_, bytes_); }

// The first frames of all stacks are in use at once; at the same place of each page they would compete for the few
// lines of the cache that this place maps to.
void* Stacks::top(int i) const {
  const size_t stagger = static_cast<size_t>(i) * 576 % 4032 & ~size_t{15};
  return base_ + static_cast<size_t>(i + 1) * kStride - stagger;
}

}  // namespace cudasim
