// Accesses, launches and the host's part of the inspector; waiting is in waits.cpp.
#include "cudasim/inspect/inspector.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace cudasim {
namespace {

constexpr size_t kLongestLog = size_t{1} << 18;  // events of a thread between two barriers that are kept
constexpr uint32_t kAccessesToYield = 1u << 14;  // a thread that reads on and on may be waiting for another one

const char* verb(Doing doing) { return doing == Doing::read ? "reads" : doing == Doing::write ? "writes" : "updates"; }
const char* noun(Doing doing) { return doing == Doing::read ? "read" : doing == Doing::write ? "write" : "update"; }
std::string bytes_text(size_t n) { return std::to_string(n) + (n == 1 ? " byte" : " bytes"); }

}  // namespace

Inspector::Inspector() : findings_(context_), races_(context_, arrays_, findings_) {}

void Inspector::use_module_of(const void* kernel) {
  if (module_ && module_->contains(reinterpret_cast<uintptr_t>(kernel))) return;
  module_ = std::make_unique<Module>(kernel);
  context_.module = module_.get();
  arrays_.use_module(*module_);
}

void Inspector::launch_begin(const Launch& launch) {
  use_module_of(launch.kernel);
  context_.launch = &launch;
  context_.kernel = module_->function_name(launch.kernel);
  context_.first_block = blocks_ + 1;
  profile_ = &profiles_[context_.kernel];
  ++profile_->launches;
  races_.start_launch();
}

void Inspector::launch_end() {
  context_.processor = nullptr;
  context_.kernel.clear();
}

void Inspector::block_begin(Multiprocessor& processor) {
  context_.processor = &processor;
  context_.block = ++blocks_;
  context_.epoch = 0;
  processor_low_ = reinterpret_cast<uintptr_t>(&processor);
  current_low_ = reinterpret_cast<uintptr_t>(&current);
  stacks_low_ = reinterpret_cast<uintptr_t>(processor.stacks.low(0));
  stacks_bytes_ = reinterpret_cast<uintptr_t>(processor.stacks.low(kMaxThreads)) - stacks_low_;
  arrays_.start_block();
  arrays_.set_dynamic(processor.dynamic_shared, context_.launch->shared_bytes);
  races_.start_block();
  for (int i = 0; i < processor.thread_count; ++i) {
    ThreadState& state = context_.threads[static_cast<size_t>(i)];
    std::fill_n(state.clock, kWarpThreads, 0);
    state.clock[i % kWarpThreads] = 1;
    state.log.clear();
    state.pending.array = nullptr;
    state.waits = state.ended = state.fenced = false;
    state.depth = 0;
    state.accesses = 0;
  }
}

void Inspector::block_end(Multiprocessor& processor) {
  for (int warp = 0; warp < processor.warp_count; ++warp) replay_warp(warp);
}

void Inspector::replay_warp(int warp) { replay(context_, arrays_, warp, *profile_); }

void Inspector::note(ThreadState& state, const Event& event) {
  if (state.log.size() < kLongestLog) {
    state.log.push_back(event);
  } else {
    profile_->partial = true;
  }
}

void Inspector::step(const void* caller) {
  ThreadState& state = state_of(*current.thread);
  const uint32_t pc = offset(caller);
  if (!state.log.empty()) {
    Event& last = state.log.back();
    if (last.doing == Doing::step && last.pc == pc && last.depth == state.depth && last.size < UINT16_MAX) {
      ++last.size;
      return;
    }
  }
  note(state, {0, pc, 0, Doing::step, state.depth});
}

void Inspector::access(uintptr_t address, size_t size, Doing doing, bool is_volatile, const void* caller) {
  if (!current.thread) return host_access(address, size, doing, caller);
  if (address - stacks_low_ < stacks_bytes_) return;  // a local variable
  if (size) device_access(address, size, doing, is_volatile, offset(caller));
}

void Inspector::device_access(uintptr_t address, size_t size, Doing doing, bool is_volatile, uint32_t pc) {
  const Thread& thread = *current.thread;
  ThreadState& state = state_of(thread);
  if (address - processor_low_ < sizeof(Multiprocessor)) return;  // threadIdx and its like
  if (address - current_low_ < sizeof(Current)) return;
  Array* array = arrays_.find(address);
  if (!array) {
    if (module_->contains(address) && (doing == Doing::read || module_->in_variables(address))) return;
    return bad_pointer(address, size, doing, pc);
  }
  if (state.pending.array) races_.settle(state);
  if (!in_bounds(*array, address, size, doing, pc)) {
    if (arrays_.beside_shared(*array, address)) context_.processor->abandon();
    return;
  }
  if (!array->item || size < array->item) array->item = size;
  const bool atomic = doing == Doing::atomic || (is_volatile && array->space == Space::global);
  if (doing == Doing::atomic && array->space == Space::global) races_.hand_over(address, thread);
  races_.access(*array, address, size, doing, atomic, pc, thread);
  constexpr size_t kWidest = 16;  // of what a thread moves at once; memset and its like are several
  for (size_t done = 0; done < size; done += kWidest)
    note(state, {address + done, pc, static_cast<uint16_t>(std::min(size - done, kWidest)), doing, state.depth});
  if (++state.accesses % kAccessesToYield == 0) context_.processor->yield();
}

bool Inspector::in_bounds(Array& array, uintptr_t address, size_t size, Doing doing, uint32_t pc) {
  const uintptr_t end = array.begin + array.bytes;
  if (address >= array.begin && address + size <= end && !array.freed) return true;
  const Fault fault = array.freed ? Fault::freed_memory : Fault::out_of_bounds;
  if (!findings_.is_new(fault, pc, 0, array.number)) return false;
  const size_t item = array.item ? array.item : size;
  std::string text = std::string(noun(doing)) + " of " + bytes_text(size) + " at " + element_name(array, address, size);
  if (array.freed) {
    text += ", after " + array.name + " was freed";
  } else {
    const bool before = address < array.begin;
    text += ": ";
    text += before           ? bytes_text(array.begin - address) + " before its begin"
            : address >= end ? (address == end ? "right behind its end" : bytes_text(address - end) + " behind its end")
                             : bytes_text(address + size - end) + " of it behind its end";
    text += "; " + array.name + " has " + std::to_string(array.bytes / item) + " elements of " + bytes_text(item);
  }
  Finding& finding = findings_.add(
      fault, text, {deed(verb(doing), pc, *current.thread)},
      array.freed ? "free an array after the last kernel that uses it"
      : array.space == Space::shared &&
              &array == arrays_.find(reinterpret_cast<uintptr_t>(current.processor->dynamic_shared))
          ? "launch with more shared bytes, or keep the index below what was asked for"
          : "compare the index with the number of elements first: the last block has threads that have nothing to do");
  finding.array = array.name;
  finding.index = element_index(array, address, size);
  return false;
}

void Inspector::bad_pointer(uintptr_t address, size_t size, Doing doing, uint32_t pc) {
  if (findings_.is_new(Fault::bad_pointer, pc, 0, 0)) {
    char text[160];
    const bool null = address < 4096;
    std::snprintf(text, sizeof text, "%s of %s at address 0x%zx, which %s", noun(doing), bytes_text(size).c_str(),
                  static_cast<size_t>(address), null ? "is the null pointer's" : "is no memory of the device");
    findings_.add(
        Fault::bad_pointer, text, {deed(verb(doing), pc, *current.thread)},
        null ? "the pointer was never set: look at what the kernel was called with"
             : "a pointer to the host's memory, or one that was computed wrongly; the launch was stopped here");
  }
  context_.processor->abandon();
}

void Inspector::index_out_of_range(long index, const char* type, const char* file, int line, const void* caller) {
  if (!current.thread) return;
  if (!findings_.is_new(Fault::out_of_bounds, offset(caller), static_cast<uint32_t>(line), 0)) return;
  Finding& finding =
      findings_.add(Fault::out_of_bounds, "index " + std::to_string(index) + " into an array of type " + type,
                    {deed("indexes", offset(caller), *current.thread)},
                    "the index of each dimension must stay below that dimension's length");
  finding.index = index;
  finding.deeds[0].file = file;
  finding.deeds[0].line = line;
}

void Inspector::atomic(Thread&, const void* address, size_t size, const void* caller) {
  access(reinterpret_cast<uintptr_t>(address), size, Doing::atomic, false, caller);
}

void Inspector::fence(Thread& thread) { state_of(thread).fenced = true; }

// A host that reads what only the device may works here, and crashes on a GPU.
void Inspector::host_access(uintptr_t address, size_t size, Doing doing, const void* caller) {
  if (!arrays_.in_global(address)) return;
  const Array* array = arrays_.find(address);
  if (!array || array->kind != MemoryKind::device) {
    if (doing != Doing::read) arrays_.set_initialised(address, size);
    return;
  }
  use_module_of(caller);
  if (!findings_.is_new(Fault::host_access, offset(caller), 0, array->number)) return;
  Finding& finding = findings_.add(
      Fault::host_access, "host code " + std::string(verb(doing)) + " " + element_name(*array, address, size),
      {{verb(doing), offset(caller), 0, 0}}, "memory of cudaMalloc is the device's alone: use cudaMemcpy");
  finding.array = array->name;
  finding.index = element_index(*array, address, size);
}

void Inspector::check_host_range(uintptr_t address, size_t bytes, Doing doing, const char* call) {
  if (!arrays_.in_global(address)) return;
  const Array* array = arrays_.find(address);
  if (array && !array->freed && address >= array->begin && address + bytes <= array->begin + array->bytes) return;
  const std::string name = array ? array->name : "memory that is no array's";
  findings_.add(Fault::out_of_bounds,
                std::string(call) + " " + verb(doing) + " " + bytes_text(bytes) + " of " + name +
                    (array ? ", which has " + bytes_text(array->bytes) + (array->freed ? " and was freed" : "") : ""),
                {}, "sizes of copies are in bytes: the number of elements times sizeof of one");
}

void Inspector::host_copy(void* to, const void* from, size_t bytes) {
  check_host_range(reinterpret_cast<uintptr_t>(from), bytes, Doing::read, "cudaMemcpy");
  check_host_range(reinterpret_cast<uintptr_t>(to), bytes, Doing::write, "cudaMemcpy");
  arrays_.set_initialised(reinterpret_cast<uintptr_t>(to), bytes);
}

void Inspector::host_fill(void* to, size_t bytes) {
  check_host_range(reinterpret_cast<uintptr_t>(to), bytes, Doing::write, "cudaMemset");
  arrays_.set_initialised(reinterpret_cast<uintptr_t>(to), bytes);
}

void Inspector::dynamic_shared(const char* name, size_t item) { arrays_.name_dynamic(name, item); }

void* Inspector::allocate(size_t bytes, const char* name, size_t item, MemoryKind kind) {
  return arrays_.allocate(bytes, name, item, kind);
}

bool Inspector::release(void* pointer) { return arrays_.release(pointer); }

void Inspector::write_report() {
  const Report report{module_.get(), findings_.all(), profiles_};
  const char* path = std::getenv("CUDASIM_REPORT");
  FILE* file = path ? std::fopen(path, "w") : stderr;
  if (!file) return std::perror(path);
  const std::string text = path ? json_report(report) : text_report(report);
  std::fwrite(text.data(), 1, text.size(), file);
  if (path) std::fclose(file);
}

}  // namespace cudasim
