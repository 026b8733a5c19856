// Kernels of the table called from C, so that `pyengine inspect OP` needs neither Python's headers nor pybind11: a
// small file made for the operation (pyengine/cudasim/operation.py) includes this and lists the families that it uses.
#pragma once

#include <pthread.h>

#include <array>
#include <cstring>
#include <string>
#include <tuple>

#include "core/core_api.h"
#include "cudasim/inspect/inspector.h"
#include "kernels/rules.h"

namespace pe::calls {

// One argument in all the forms that a parameter may ask for; Python fills in those that make sense.
struct Argument {
  Array* arrays;
  int64_t array_count;
  Ints ints;
  int64_t whole;
  double real;
};

template <class Role>
Role value(const Argument& argument) {
  if constexpr (std::is_same_v<Role, In>) {
    return argument.arrays[0];
  } else if constexpr (std::is_same_v<Role, OptIn>) {
    return argument.array_count ? argument.arrays : nullptr;
  } else if constexpr (std::is_same_v<Role, InList> || std::is_same_v<Role, InOutList>) {
    return Role(argument.arrays, static_cast<size_t>(argument.array_count));
  } else if constexpr (std::is_same_v<Role, const Ints&>) {
    return argument.ints;
  } else if constexpr (std::is_same_v<Role, double>) {
    return argument.real;
  } else {
    return static_cast<Role>(argument.whole);
  }
}

template <class Role>
inline constexpr bool is_output = std::is_same_v<Role, Out> || std::is_same_v<Role, OptOut>;

template <class K>
struct Caller;

template <class... Role, void (*kKernel)(Role...), auto kRule>
struct Caller<Kernel<kKernel, kRule>> {
  static constexpr size_t kOutputs = (size_t{is_output<Role>} + ... + 0);
  static constexpr size_t kInputs = sizeof...(Role) - kOutputs;
  template <size_t I>
  using At = std::tuple_element_t<I, std::tuple<Role...>>;

  static int outputs(const Argument* arguments, Spec* specs) {
    return outputs(arguments, specs, std::make_index_sequence<kInputs>{});
  }
  static void call(const Argument* arguments, Array* results, const bool* wanted) {
    call(arguments, results, wanted, std::make_index_sequence<kInputs>{}, std::make_index_sequence<kOutputs>{});
  }

 private:
  template <size_t... I>
  static int outputs(const Argument* arguments, Spec* specs, std::index_sequence<I...>) {
    if constexpr (kOutputs == 0) {
      kRule(value<At<I>>(arguments[I])...);
    } else if constexpr (kOutputs == 1) {
      specs[0] = kRule(value<At<I>>(arguments[I])...);
    } else {
      const auto all = kRule(value<At<I>>(arguments[I])...);
      std::copy(all.begin(), all.end(), specs);
    }
    return kOutputs;
  }

  template <size_t... I, size_t... O>
  static void call(const Argument* arguments, Array* results, const bool* wanted, std::index_sequence<I...>,
                   std::index_sequence<O...>) {
    kKernel(value<At<I>>(arguments[I])..., result<At<kInputs + O>>(results[O], wanted[O])...);
  }

  template <class Role_>
  static Role_ result(Array& array, [[maybe_unused]] bool wanted) {
    if constexpr (std::is_same_v<Role_, OptOut>) {
      return wanted ? &array : nullptr;
    } else {
      return array;
    }
  }
};

// What kernels get from the process: device memory that is watched, and one thread.
inline void* allocate(size_t bytes) {
  void* block = nullptr;
  cudasim::allocate_bytes(&block, bytes ? bytes : 1, "scratch", 0, cudasim::MemoryKind::device);
  return block;
}
inline void release(void* block, size_t) { cudaFree(block); }
inline int one_thread() { return 1; }
inline void run_in_order(int64_t blocks, void (*body)(void*, int64_t), void* context) {
  for (int64_t block = 0; block < blocks; ++block) body(context, block);
}
inline int64_t no_streaming() { return INT64_MAX; }
inline constexpr CoreApi kCore{kCoreApiVersion, allocate, release, one_thread, run_in_order, no_streaming};

// A launcher may hand its kernel a record on its own stack to report to, which a GPU is given in mapped memory.
inline void start() {
  set_core(&kCore);
  pthread_attr_t attributes;
  void* stack = nullptr;
  size_t bytes = 0;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstack(&attributes, &stack, &bytes);
  pthread_attr_destroy(&attributes);
  cudasim::inspector().arrays().add_host_memory(stack, bytes, "a variable of the launcher");
}

// The error of a call as "kind: words"; empty where there was none.
template <class Action>
const char* guarded(Action action) {
  static std::string text;
  try {
    action();
    text = cudaPeekAtLastError() == cudaSuccess
               ? ""
               : std::string("RuntimeError: ") + cudaGetErrorString(cudaGetLastError());
  } catch (const IndexError& error) {
    text = std::string("IndexError: ") + error.what();
  } catch (const DTypeError& error) {
    text = std::string("TypeError: ") + error.what();
  } catch (const ShapeError& error) {
    text = std::string("ValueError: ") + error.what();
  } catch (const std::exception& error) {
    text = std::string("RuntimeError: ") + error.what();
  }
  return text.c_str();
}

}  // namespace pe::calls

// for_each(visitor) visits the kernels of the families.
#define CUDASIM_CALLS(for_each)                                                                                \
  extern "C" void pe_start() { pe::calls::start(); }                                                           \
  extern "C" void* pe_allocate(size_t bytes) {                                                                 \
    void* block = nullptr;                                                                                     \
    cudasim::allocate_bytes(&block, bytes, "array", 0, cudasim::MemoryKind::managed);                          \
    return block;                                                                                              \
  }                                                                                                            \
  extern "C" void pe_release(void* block) { cudaFree(block); }                                                 \
  extern "C" void pe_written(void* block, size_t bytes) { cudasim::inspector().host_fill(block, bytes); }      \
  extern "C" void pe_name(void* block, const char* name, size_t item) {                                        \
    cudasim::inspector().arrays().rename(block, name, item);                                                   \
  }                                                                                                            \
  extern "C" const char* pe_signature(const char* wanted) {                                                    \
    const char* found = nullptr;                                                                               \
    for_each([&](const auto& kernel) {                                                                         \
      if (!std::strcmp(kernel.name, wanted)) found = kernel.signature;                                         \
    });                                                                                                        \
    return found;                                                                                              \
  }                                                                                                            \
  extern "C" const char* pe_outputs(const char* wanted, const pe::calls::Argument* arguments, pe::Spec* specs, \
                                    int* count) {                                                              \
    return pe::calls::guarded([&] {                                                                            \
      for_each([&](const auto& kernel) {                                                                       \
        if (!std::strcmp(kernel.name, wanted))                                                                 \
          *count = pe::calls::Caller<std::decay_t<decltype(kernel)>>::outputs(arguments, specs);               \
      });                                                                                                      \
    });                                                                                                        \
  }                                                                                                            \
  extern "C" const char* pe_call(const char* wanted, const pe::calls::Argument* arguments, pe::Array* results, \
                                 const bool* present) {                                                        \
    return pe::calls::guarded([&] {                                                                            \
      for_each([&](const auto& kernel) {                                                                       \
        if (!std::strcmp(kernel.name, wanted))                                                                 \
          pe::calls::Caller<std::decay_t<decltype(kernel)>>::call(arguments, results, present);                \
      });                                                                                                      \
    });                                                                                                        \
  }
