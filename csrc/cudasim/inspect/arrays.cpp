#include "cudasim/inspect/arrays.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>

namespace cudasim {
namespace {

// Zeros that take no memory before they are written to.
void* reserve(size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return memory;
}

Cell* reserve_cells(size_t bytes) { return static_cast<Cell*>(reserve((bytes / 4 + 2) * sizeof(Cell))); }

// "&x" and "(void**)&x" are about x.
std::string array_name(const char* expression) {
  std::string name = expression;
  if (const size_t cast = name.rfind(')'); cast != std::string::npos && cast + 1 < name.size()) name.erase(0, cast + 1);
  name.erase(0, std::min(name.size(), name.find_first_not_of("& ")));
  return name;
}

}  // namespace

Arrays::Arrays()
    : arena_(reinterpret_cast<uintptr_t>(reserve(kArenaBytes))),
      used_(arena_ + kGap),
      page_owner_(static_cast<uint32_t*>(reserve(kArenaBytes / kPage * sizeof(uint32_t)))) {
  all_.push_back(nullptr);  // number 0: none
  dynamic_.name = "dynamic shared memory";
  dynamic_.space = Space::shared;
  dynamic_.cells = reserve_cells(kMaxSharedBytes);
}

void* Arrays::allocate(size_t bytes, const char* name, size_t item, MemoryKind kind) {
  const size_t room = (bytes + kPage - 1) / kPage * kPage + kGap;
  if (used_ + room > arena_ + kArenaBytes) return nullptr;
  auto array = std::make_unique<Array>();
  array->name = array_name(name);
  array->begin = used_;
  array->bytes = bytes;
  array->item = item;
  array->kind = kind;
  array->cells = reserve_cells(bytes);
  array->number = static_cast<uint32_t>(all_.size());
  std::fill_n(page_owner_ + (used_ - arena_) / kPage, room / kPage, array->number);
  void* pointer = reinterpret_cast<void*>(array->begin);
  std::memset(pointer, 0xff, bytes);
  used_ += room;
  all_.push_back(std::move(array));
  return pointer;
}

bool Arrays::release(void* pointer) {
  Array* array = find(reinterpret_cast<uintptr_t>(pointer));
  if (!array || array->begin != reinterpret_cast<uintptr_t>(pointer) || array->freed) return false;
  array->freed = true;
  munmap(array->cells, (array->bytes / 4 + 2) * sizeof(Cell));
  array->cells = nullptr;
  madvise(pointer, (array->bytes + kPage - 1) / kPage * kPage, MADV_DONTNEED);
  return true;
}

void Arrays::rename(void* pointer, const char* name, size_t item) {
  Array* array = find(reinterpret_cast<uintptr_t>(pointer));
  if (!array) return;
  array->name = name;
  array->item = item;
}

void Arrays::add_host_memory(void* low, size_t bytes, const char* name) {
  host_.begin = reinterpret_cast<uintptr_t>(low);
  host_.bytes = bytes;
  host_.name = name;
  host_.kind = MemoryKind::managed;
  host_.preset = true;
  host_.cells = reserve_cells(bytes);
}

void Arrays::use_module(const Module& module) {
  shared_.clear();
  variables_.clear();
  add_symbols(module.shared(), Space::shared, module.shared_low(), module.shared_bytes());
  add_symbols(module.variables(), Space::global, module.data_low(), module.data_bytes());
  shared_low_ = module.shared_low();
  shared_high_ = shared_low_ + module.shared_bytes();
  data_low_ = module.data_low();
  data_high_ = data_low_ + module.data_bytes();
}

void Arrays::add_symbols(const std::vector<Symbol>& symbols, Space space, uintptr_t low, size_t bytes) {
  Cell* cells = reserve_cells(bytes);
  for (const Symbol& symbol : symbols) {
    auto array = std::make_unique<Array>();
    array->name = symbol.name;
    array->begin = symbol.begin;
    array->bytes = symbol.bytes;
    array->space = space;
    array->kind = MemoryKind::managed;  // the host may look at its own variables
    array->cells = cells + ((symbol.begin & ~uintptr_t{3}) - (low & ~uintptr_t{3})) / 4;
    array->number = static_cast<uint32_t>(all_.size());
    (space == Space::shared ? shared_ : variables_).push_back(array.get());
    array->preset = space == Space::global;
    all_.push_back(std::move(array));
  }
}

void Arrays::set_dynamic(char* memory, size_t bytes) {
  dynamic_.begin = reinterpret_cast<uintptr_t>(memory);
  dynamic_.bytes = bytes;
}

// The last array that begins at or before the address.
static Array* last_before(const std::vector<Array*>& sorted, uintptr_t address) {
  const auto after = std::upper_bound(sorted.begin(), sorted.end(), address,
                                      [](uintptr_t a, const Array* array) { return a < array->begin; });
  return after == sorted.begin() ? nullptr : *(after - 1);
}

Array* Arrays::find_variable(uintptr_t address) const {
  Array* array = last_before(variables_, address);
  return array && address < array->begin + array->bytes ? array : nullptr;
}

Array* Arrays::find_shared(uintptr_t address) const {
  if (shared_.empty()) return nullptr;
  Array* array = last_before(shared_, address);
  return array ? array : shared_.front();
}

Array* Arrays::find(uintptr_t address) {
  if (address - arena_ < kArenaBytes) {
    Array* array = all_[page_owner_[(address - arena_) / kPage]].get();
    // in the second half of a gap, the next array is nearer
    if (array && address > array->begin + array->bytes + kGap / 2)
      if (const uint32_t next = page_owner_[(address + kGap / 2 - arena_) / kPage]; next) return all_[next].get();
    return array;
  }
  if (address - dynamic_.begin < kMaxSharedBytes) return &dynamic_;
  if (address + kBeside - shared_low_ < shared_high_ + 2 * kBeside - shared_low_) return find_shared(address);
  if (address - data_low_ < data_high_ - data_low_) return find_variable(address);
  if (address - host_.begin < host_.bytes) return &host_;
  return nullptr;
}

void Arrays::set_initialised(uintptr_t address, size_t bytes) {
  Array* array = find(address);
  if (!array || array->freed || array->space == Space::shared) return;
  for (uintptr_t a = address; a < std::min(address + bytes, array->begin + array->bytes); ++a) {
    Cell& cell = array->cell(a);
    cell.initialised = static_cast<uint8_t>(cell.initialised | 1 << (a & 3));
    if (cell.pieces) global_pieces_[cell.pieces - 1][a & 3].initialised = 1;
  }
}

}  // namespace cudasim
