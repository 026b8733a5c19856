// The list of what is wrong. A fault that happens many times, in many threads, is one finding with a count.
#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "cudasim/inspect/context.h"

namespace cudasim {

enum class Fault {
  out_of_bounds,
  freed_memory,
  bad_pointer,
  race,
  uninitialised,
  skipped_barrier,
  divergent_barrier,
  divergent_warp,
  bad_mask,
  inactive_lane,
  stuck,
  host_access,
};
const char* name_of(Fault fault);

// Something that a thread did, in one line of the source.
struct Deed {
  const char* what;  // "writes"
  uint32_t pc;
  uint32_t block;  // as numbered in Access; 0: the host did it
  int thread;
};

struct PlacedDeed {
  std::string what;
  uint32_t pc;
  bool on_device;
  uint3 block, thread;
  int warp, lane;
  std::string file;  // where the compiler told, rather than the address
  int line = 0;
};

struct Finding {
  Fault fault;
  std::string kernel, text, array, hint;
  int64_t index = -1;  // of the element
  std::vector<PlacedDeed> deeds;
  uint64_t count = 0;
};

class Findings {
 public:
  explicit Findings(const Context& context) : context_(context) {}

  // True where the same fault, at the same places of the source and of the same array, is not known yet: the caller
  // then adds it. Else it is counted.
  bool is_new(Fault fault, uint32_t pc, uint32_t other_pc, uint32_t array);
  Finding& add(Fault fault, std::string text, std::initializer_list<Deed> deeds, std::string hint);
  PlacedDeed placed(const Deed& deed) const;
  const std::vector<Finding>& all() const { return all_; }

 private:
  const Context& context_;
  std::map<std::tuple<Fault, uint32_t, uint32_t, uint32_t, std::string>, size_t> known_;
  std::vector<Finding> all_;
};

// "tile[33]"; what is no whole number of elements from the begin is given in bytes.
std::string element_name(const Array& array, uintptr_t address, size_t access_size);
int64_t element_index(const Array& array, uintptr_t address, size_t access_size);

}  // namespace cudasim
