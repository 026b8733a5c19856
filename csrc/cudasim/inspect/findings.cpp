#include "cudasim/inspect/findings.h"

namespace cudasim {

const char* name_of(Fault fault) {
  switch (fault) {
    case Fault::out_of_bounds:
      return "out of bounds";
    case Fault::freed_memory:
      return "freed memory";
    case Fault::bad_pointer:
      return "bad pointer";
    case Fault::race:
      return "race";
    case Fault::uninitialised:
      return "uninitialised read";
    case Fault::skipped_barrier:
      return "skipped barrier";
    case Fault::divergent_barrier:
      return "divergent barrier";
    case Fault::divergent_warp:
      return "divergent warp operation";
    case Fault::bad_mask:
      return "bad mask";
    case Fault::inactive_lane:
      return "inactive lane";
    case Fault::stuck:
      return "stuck";
    case Fault::host_access:
      return "host access";
  }
  return "";
}

bool Findings::is_new(Fault fault, uint32_t pc, uint32_t other_pc, uint32_t array) {
  const auto [entry, is_new] = known_.try_emplace({fault, pc, other_pc, array, context_.kernel}, all_.size());
  if (!is_new && entry->second < all_.size()) ++all_[entry->second].count;
  return is_new;
}

PlacedDeed Findings::placed(const Deed& deed) const {
  PlacedDeed placed{deed.what, deed.pc, deed.block != 0, {}, {}, 0, 0, "", 0};
  if (!placed.on_device) return placed;
  const dim3 grid = context_.launch->grid;
  const unsigned block = deed.block - context_.first_block;
  placed.block = {block % grid.x, block / grid.x % grid.y, block / grid.x / grid.y};
  placed.thread = context_.processor->threads[deed.thread].index;
  placed.warp = deed.thread / kWarpThreads;
  placed.lane = deed.thread % kWarpThreads;
  return placed;
}

Finding& Findings::add(Fault fault, std::string text, std::initializer_list<Deed> deeds, std::string hint) {
  Finding finding{fault, context_.kernel, std::move(text), "", std::move(hint), -1, {}, 1};
  for (const Deed& deed : deeds) finding.deeds.push_back(placed(deed));
  all_.push_back(std::move(finding));
  return all_.back();
}

int64_t element_index(const Array& array, uintptr_t address, size_t access_size) {
  const auto item = static_cast<int64_t>(array.item ? array.item : access_size);
  const auto offset = static_cast<int64_t>(address - array.begin);
  return offset >= 0 ? offset / item : -((-offset + item - 1) / item);
}

std::string element_name(const Array& array, uintptr_t address, size_t access_size) {
  return array.name + "[" + std::to_string(element_index(array, address, access_size)) + "]";
}

}  // namespace cudasim
