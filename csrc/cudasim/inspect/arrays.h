// Every piece of memory that kernels may use, with its name: what cudaMalloc gave, __shared__ and __device__ variables.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cudasim/inspect/module.h"
#include "cudasim/inspect/shadow.h"
#include "cudasim/runtime.h"

namespace cudasim {

enum class Space : uint8_t { global, shared };

struct Array {
  std::string name;
  uintptr_t begin = 0;
  size_t bytes = 0;
  size_t item = 0;  // bytes of an element; 0 until an access tells
  Space space = Space::global;
  MemoryKind kind = MemoryKind::device;
  bool freed = false;
  bool preset = false;    // has values from the start, as variables of a source have
  Cell* cells = nullptr;  // of all its memory, 4 bytes each, counted from `begin` rounded down
  uint32_t number = 0;

  Cell& cell(uintptr_t address) const { return cells[(address - (begin & ~uintptr_t{3})) / 4]; }
};

// Global arrays lie 1 MB apart, so that an index that is somewhat wrong leads to nobody's memory, which can be told
// from which array it came. Freed memory is not given out again.
class Arrays {
 public:
  Arrays();

  void* allocate(size_t bytes, const char* name, size_t item, MemoryKind kind);
  bool release(void* pointer);
  void rename(void* pointer, const char* name, size_t item);
  void add_host_memory(void* low, size_t bytes, const char* name);  // that kernels may use all the same
  void use_module(const Module& module);                            // makes its variables known
  void set_dynamic(char* memory, size_t bytes);                     // of the kernel that is launched
  void name_dynamic(const char* name, size_t item) {
    dynamic_.name = name;
    dynamic_.item = item;
  }

  bool in_global(uintptr_t address) const { return address - arena_ < kArenaBytes; }
  // Memory behind a __shared__ variable that is none of them: a write there would destroy something of the system.
  bool beside_shared(const Array& array, uintptr_t address) const {
    return array.space == Space::shared && &array != &dynamic_ && address - array.begin >= array.bytes;
  }
  // The array that the address is in or, in global and static shared memory, beside; nullptr where there is none.
  Array* find(uintptr_t address);
  void set_initialised(uintptr_t address, size_t bytes);
  Pieces& pieces(const Array& array) { return array.space == Space::shared ? shared_pieces_ : global_pieces_; }
  void start_block() { shared_pieces_.clear(); }

 private:
  static constexpr size_t kArenaBytes = size_t{64} << 30, kPage = 4096, kGap = 1 << 20, kBeside = 4096;

  void add_symbols(const std::vector<Symbol>& symbols, Space space, uintptr_t low, size_t bytes);
  Array* find_variable(uintptr_t address) const;
  Array* find_shared(uintptr_t address) const;

  uintptr_t arena_, used_;
  uint32_t* page_owner_;  // of each page of the arena, the number of the array that it belongs to or follows
  std::vector<std::unique_ptr<Array>> all_;
  std::vector<Array*> shared_, variables_;  // by address
  Array dynamic_, host_;
  uintptr_t shared_low_ = 0, shared_high_ = 0, data_low_ = 0, data_high_ = 0;
  Pieces shared_pieces_, global_pieces_;
};

}  // namespace cudasim
