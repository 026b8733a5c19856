// What the compiler's instrumentation calls. Its own library is not linked: these are all that it needs.
#include <cstring>

#include "cudasim/inspect/inspector.h"

namespace cudasim {
namespace {

void note(const volatile void* address, size_t size, Doing doing, bool is_volatile, const void* caller) {
  if (observer) inspector().access(reinterpret_cast<uintptr_t>(address), size, doing, is_volatile, caller);
}

}  // namespace

// Before main, so that the first cudaMalloc finds it; the report comes after everything else.
Inspector& inspector() {
  static auto* made = new Inspector;
  return *made;
}

static const struct Start {
  Start() {
    observer = &inspector();
    const char* seed = std::getenv("CUDASIM_SEED");
    schedule_seed = seed ? std::strtoull(seed, nullptr, 10) : 1;
  }
  ~Start() {
    observer = nullptr;
    inspector().write_report();
  }
} start;

}  // namespace cudasim

using cudasim::Doing;
using cudasim::note;

#define CALLER __builtin_return_address(0)

extern "C" {

void __tsan_init() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
void __tsan_func_entry(void*) {
  if (cudasim::current.thread) cudasim::inspector().enter_function();
}
void __tsan_func_exit() {
  if (cudasim::current.thread) cudasim::inspector().leave_function();
}

#define CUDASIM_ACCESS(n)                                                                      \
  void __tsan_read##n(void* p) { note(p, n, Doing::read, false, CALLER); }                     \
  void __tsan_write##n(void* p) { note(p, n, Doing::write, false, CALLER); }                   \
  void __tsan_unaligned_read##n(void* p) { note(p, n, Doing::read, false, CALLER); }           \
  void __tsan_unaligned_write##n(void* p) { note(p, n, Doing::write, false, CALLER); }         \
  void __tsan_volatile_read##n(void* p) { note(p, n, Doing::read, true, CALLER); }             \
  void __tsan_volatile_write##n(void* p) { note(p, n, Doing::write, true, CALLER); }           \
  void __tsan_unaligned_volatile_read##n(void* p) { note(p, n, Doing::read, true, CALLER); }   \
  void __tsan_unaligned_volatile_write##n(void* p) { note(p, n, Doing::write, true, CALLER); } \
  void __tsan_read_write##n(void* p) {                                                         \
    note(p, n, Doing::read, false, CALLER);                                                    \
    note(p, n, Doing::write, false, CALLER);                                                   \
  }
CUDASIM_ACCESS(1)
CUDASIM_ACCESS(2)
CUDASIM_ACCESS(4)
CUDASIM_ACCESS(8)
CUDASIM_ACCESS(16)
void __tsan_read_range(void* p, size_t n) { note(p, n, Doing::read, false, CALLER); }
void __tsan_write_range(void* p, size_t n) { note(p, n, Doing::write, false, CALLER); }

// memcpy and its like: GCC calls these because instrumented.h renames them, clang by itself.
void* cudasim_memcpy(void* to, const void* from, size_t n) {
  note(from, n, Doing::read, false, CALLER);
  note(to, n, Doing::write, false, CALLER);
  return std::memcpy(to, from, n);
}
void* cudasim_memmove(void* to, const void* from, size_t n) {
  note(from, n, Doing::read, false, CALLER);
  note(to, n, Doing::write, false, CALLER);
  return std::memmove(to, from, n);
}
void* cudasim_memset(void* to, int byte, size_t n) {
  note(to, n, Doing::write, false, CALLER);
  return std::memset(to, byte, n);
}
void* __tsan_memcpy(void*, const void*, size_t) __attribute__((alias("cudasim_memcpy")));
void* __tsan_memmove(void*, const void*, size_t) __attribute__((alias("cudasim_memmove")));
void* __tsan_memset(void*, int, size_t) __attribute__((alias("cudasim_memset")));

// std::atomic and the guards of static variables, in host code and kernels.
#define CUDASIM_ATOMIC_UPDATE(bits, T, name)                    \
  T __tsan_atomic##bits##_##name(volatile T* p, T value, int) { \
    note(p, sizeof(T), Doing::atomic, false, CALLER);           \
    return __atomic_##name(p, value, __ATOMIC_SEQ_CST);         \
  }
#define CUDASIM_ATOMICS(bits, T)                                                                       \
  T __tsan_atomic##bits##_load(const volatile T* p, int) {                                             \
    note(p, sizeof(T), Doing::read, true, CALLER);                                                     \
    return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                                       \
  }                                                                                                    \
  void __tsan_atomic##bits##_store(volatile T* p, T value, int) {                                      \
    note(p, sizeof(T), Doing::write, true, CALLER);                                                    \
    __atomic_store_n(p, value, __ATOMIC_SEQ_CST);                                                      \
  }                                                                                                    \
  T __tsan_atomic##bits##_exchange(volatile T* p, T value, int) {                                      \
    note(p, sizeof(T), Doing::atomic, false, CALLER);                                                  \
    return __atomic_exchange_n(p, value, __ATOMIC_SEQ_CST);                                            \
  }                                                                                                    \
  int __tsan_atomic##bits##_compare_exchange_strong(volatile T* p, T* expected, T value, int, int) {   \
    note(p, sizeof(T), Doing::atomic, false, CALLER);                                                  \
    return __atomic_compare_exchange_n(p, expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
  }                                                                                                    \
  int __tsan_atomic##bits##_compare_exchange_weak(volatile T* p, T* expected, T value, int a, int b) { \
    return __tsan_atomic##bits##_compare_exchange_strong(p, expected, value, a, b);                    \
  }                                                                                                    \
  T __tsan_atomic##bits##_compare_exchange_val(volatile T* p, T expected, T value, int a, int b) {     \
    __tsan_atomic##bits##_compare_exchange_strong(p, &expected, value, a, b);                          \
    return expected;                                                                                   \
  }                                                                                                    \
  CUDASIM_ATOMIC_UPDATE(bits, T, fetch_add)                                                            \
  CUDASIM_ATOMIC_UPDATE(bits, T, fetch_sub)                                                            \
  CUDASIM_ATOMIC_UPDATE(bits, T, fetch_and)                                                            \
  CUDASIM_ATOMIC_UPDATE(bits, T, fetch_or)                                                             \
  CUDASIM_ATOMIC_UPDATE(bits, T, fetch_xor)
CUDASIM_ATOMICS(8, unsigned char)
CUDASIM_ATOMICS(16, unsigned short)
CUDASIM_ATOMICS(32, unsigned)
CUDASIM_ATOMICS(64, unsigned long)
void __tsan_atomic_thread_fence(int) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
void __tsan_atomic_signal_fence(int) {}

// -fsanitize-coverage=trace-pc: at the begin of each basic block
void __sanitizer_cov_trace_pc() {
  if (cudasim::current.thread) cudasim::inspector().step(CALLER);
}

// -fsanitize=bounds
struct SourcePlace {
  const char* file;
  unsigned line, column;
};
struct TypeName {
  unsigned short kind, info;
  char name[1];
};
struct IndexFault {
  SourcePlace place;
  const TypeName *array, *index;
};
void __ubsan_handle_out_of_bounds(const IndexFault* fault, unsigned long index) {
  cudasim::inspector().index_out_of_range(static_cast<long>(index), fault->array->name, fault->place.file,
                                          static_cast<int>(fault->place.line), CALLER);
}

}  // extern "C"
