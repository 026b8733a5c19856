// The observer that inspects: it is told of every access and every wait, keeps the parts below up to date, and at the
// end writes a report.
//
// It gets the accesses from the compiler. Kernels are compiled as for a race detector (-fsanitize=thread), which puts a
// call before each access to memory; hooks.cpp receives these calls in place of the compiler's own library.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "cudasim/inspect/profile.h"
#include "cudasim/inspect/races.h"

namespace cudasim {

class Inspector : public Observer {
 public:
  Inspector();

  void access(uintptr_t address, size_t size, Doing doing, bool is_volatile, const void* caller);
  void step(const void* caller);
  void index_out_of_range(long index, const char* type, const char* file, int line, const void* caller);
  void enter_function() { ++context_.threads[current.thread->linear].depth; }
  void leave_function() { --context_.threads[current.thread->linear].depth; }
  void write_report();  // as CUDASIM_REPORT says: JSON to that file, or text to standard error
  Arrays& arrays() { return arrays_; }

  void launch_begin(const Launch& launch) override;
  void launch_end() override;
  void block_begin(Multiprocessor& processor) override;
  void block_end(Multiprocessor& processor) override;
  void thread_begin(Thread& thread) override;
  void thread_end(Thread& thread) override;
  void block_wait(Thread& thread, Place place) override;
  void block_release(Multiprocessor& processor) override;
  void warp_wait(Thread& thread, uint32_t mask, bool is_barrier, Place place) override;
  void warp_release(Thread& last, uint32_t present, bool is_barrier) override;
  void source_lane(Thread& thread, int lane, uint32_t present) override;
  void atomic(Thread& thread, const void* address, size_t size, const void* caller) override;
  void fence(Thread& thread) override;
  void stuck(Multiprocessor& processor) override;
  void dynamic_shared(const char* name, size_t item) override;
  void* allocate(size_t bytes, const char* name, size_t item, MemoryKind kind) override;
  bool release(void* pointer) override;
  void host_copy(void* to, const void* from, size_t bytes) override;
  void host_fill(void* to, size_t bytes) override;

 private:
  void device_access(uintptr_t address, size_t size, Doing doing, bool is_volatile, uint32_t pc);
  void host_access(uintptr_t address, size_t size, Doing doing, const void* caller);
  void check_host_range(uintptr_t address, size_t bytes, Doing doing, const char* call);
  bool in_bounds(Array& array, uintptr_t address, size_t size, Doing doing, uint32_t pc);
  void bad_pointer(uintptr_t address, size_t size, Doing doing, uint32_t pc);
  void note(ThreadState& state, const Event& event);
  void replay_warp(int warp);
  void compare_waits(Multiprocessor& processor);
  void report_skipped(Multiprocessor& processor);
  void use_module_of(const void* kernel);
  ThreadState& state_of(const Thread& thread) { return context_.threads[thread.linear]; }
  Deed deed(const char* what, uint32_t pc, const Thread& thread) const {
    return {what, pc, context_.block, static_cast<int>(thread.linear)};
  }
  uint32_t offset(const void* pc) const {
    return context_.module ? context_.module->offset_of(reinterpret_cast<uintptr_t>(pc)) : 0;
  }

  Context context_;
  Arrays arrays_;
  Findings findings_;
  Races races_;
  std::unique_ptr<Module> module_;
  uint32_t blocks_ = 0;  // of all launches so far
  std::map<std::string, KernelProfile> profiles_;
  KernelProfile* profile_ = nullptr;  // of the kernel that runs
  uintptr_t stacks_low_ = 0, stacks_bytes_ = 0, processor_low_ = 0, current_low_ = 0;
};

// Made when the program starts; `observer` points to it.
Inspector& inspector();

struct Report {
  const Module* module;
  const std::vector<Finding>& findings;
  const std::map<std::string, KernelProfile>& profiles;
};
std::string text_report(const Report& report);
std::string json_report(const Report& report);

}  // namespace cudasim
