#include "core/core_api.h"

#include <stdexcept>
#include <string>

namespace pe {
namespace {

const CoreApi* g_core = nullptr;  // set once, when the module is imported

}  // namespace

const CoreApi& core() {
  if (!g_core) throw std::logic_error("pe::core() was used before set_core(): import pyengine._core first");
  return *g_core;
}

void set_core(const CoreApi* api) {
  if (api && api->version != kCoreApiVersion) {
    throw std::logic_error("pyengine._core speaks version " + std::to_string(api->version) +
                           " of the core table, this module version " + std::to_string(kCoreApiVersion) +
                           ": they come from different builds, install pyengine again");
  }
  g_core = api;
}

}  // namespace pe
