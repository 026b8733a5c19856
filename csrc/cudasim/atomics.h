// Atomic operations, indivisible for all blocks of a launch, whatever OS threads they run on. Included by cudasim.h.
#pragma once

#include <type_traits>

#include "cudasim/execution.h"

namespace cudasim {

// Before each atomic operation: inspection sees it, and a loop that waits for another thread lets that one go on.
void note_atomic(const void* address, size_t size, const void* caller);

template <class T>
using Same = std::common_type_t<T>;  // lets the second argument convert to the type of the first

// *address = next(*address), indivisibly; the value before. Not inlined: its return address is the line of the kernel.
template <class T, class Next>
CUDASIM_UNSEEN __forceinline__ T update(T* address, Next next) {
  T old, updated;
  __atomic_load(address, &old, __ATOMIC_RELAXED);
  do {
    updated = next(old);
  } while (!__atomic_compare_exchange(address, &old, &updated, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  return old;
}

}  // namespace cudasim

#define CUDASIM_ATOMIC(name, expression)                                                        \
  template <class T>                                                                            \
  __attribute__((noinline)) CUDASIM_UNSEEN T name(T* address, cudasim::Same<T> value) {         \
    cudasim::note_atomic(address, sizeof(T), __builtin_return_address(0));                      \
    return cudasim::update(address, [value](T old) CUDASIM_UNSEEN -> T { return expression; }); \
  }                                                                                             \
  template <class T>                                                                            \
  __forceinline__ T name##_block(T* address, cudasim::Same<T> value) {                          \
    return name(address, value);                                                                \
  }                                                                                             \
  template <class T>                                                                            \
  __forceinline__ T name##_system(T* address, cudasim::Same<T> value) {                         \
    return name(address, value);                                                                \
  }

CUDASIM_ATOMIC(atomicAdd, old + value)
CUDASIM_ATOMIC(atomicSub, old - value)
CUDASIM_ATOMIC(atomicExch, (static_cast<void>(old), value))
CUDASIM_ATOMIC(atomicMin, value < old ? value : old)
CUDASIM_ATOMIC(atomicMax, value > old ? value : old)
CUDASIM_ATOMIC(atomicInc, old >= value ? T(0) : old + 1)
CUDASIM_ATOMIC(atomicDec, old == T(0) || old > value ? value : old - 1)
CUDASIM_ATOMIC(atomicAnd, old& value)
CUDASIM_ATOMIC(atomicOr, old | value)
CUDASIM_ATOMIC(atomicXor, old ^ value)
#undef CUDASIM_ATOMIC

template <class T>
__attribute__((noinline)) CUDASIM_UNSEEN T atomicCAS(T* address, cudasim::Same<T> expected, cudasim::Same<T> value) {
  cudasim::note_atomic(address, sizeof(T), __builtin_return_address(0));
  __atomic_compare_exchange(address, &expected, &value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  return expected;
}
