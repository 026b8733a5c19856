#include "cudasim/inspect/module.h"

#include <cxxabi.h>
#include <link.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>

extern "C" void* __tls_get_addr(void*);

namespace cudasim {

std::string demangled(const char* symbol) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(abi::__cxa_demangle(symbol, nullptr, nullptr, &status), std::free);
  return name ? name.get() : symbol;
}

Module::Module(const void* function) {
  struct Search {
    Module* module;
    uintptr_t function;
  } search{this, reinterpret_cast<uintptr_t>(function)};
  const int found = dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* data) {
        auto& [module, wanted] = *static_cast<Search*>(data);
        uintptr_t low = ~uintptr_t{0}, high = 0, data_low = ~uintptr_t{0}, data_high = 0;
        size_t tls_bytes = 0;
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& part = info->dlpi_phdr[i];
          const uintptr_t begin = info->dlpi_addr + part.p_vaddr, end = begin + part.p_memsz;
          if (part.p_type == PT_TLS) tls_bytes = part.p_memsz;
          if (part.p_type != PT_LOAD) continue;
          low = std::min(low, begin);
          high = std::max(high, end);
          if (!(part.p_flags & PF_W)) continue;
          data_low = std::min(data_low, begin);
          data_high = std::max(data_high, end);
        }
        if (wanted < low || wanted >= high) return 0;
        module->bias_ = info->dlpi_addr;
        module->low_ = low;
        module->high_ = high;
        module->data_low_ = std::min(data_low, data_high);
        module->data_high_ = data_high;
        module->tls_bytes_ = tls_bytes;
        if (tls_bytes) {
          size_t index[2] = {info->dlpi_tls_modid, 0};  // touches this OS thread's copy, so that it is there
          module->tls_low_ = reinterpret_cast<uintptr_t>(__tls_get_addr(index));
        }
        module->path_ = *info->dlpi_name ? info->dlpi_name : "/proc/self/exe";
        return 1;
      },
      &search);
  if (!found) throw std::runtime_error("cudasim: the kernel is in no loaded module");
  read_symbols();
}

// __shared__ variables are thread-local ones in the scope of a function, whose symbols begin with _ZZ.
void Module::read_symbols() {
  std::ifstream file(path_, std::ios::binary);
  const std::string image((std::istreambuf_iterator<char>(file)), {});
  if (image.size() < sizeof(ElfW(Ehdr))) throw std::runtime_error("cudasim: cannot read " + path_);
  const auto* header = reinterpret_cast<const ElfW(Ehdr)*>(image.data());
  const auto* sections = reinterpret_cast<const ElfW(Shdr)*>(image.data() + header->e_shoff);
  for (int i = 0; i < header->e_shnum; ++i) {
    if (sections[i].sh_type != SHT_SYMTAB) continue;
    const char* names = image.data() + sections[sections[i].sh_link].sh_offset;
    const auto* symbols = reinterpret_cast<const ElfW(Sym)*>(image.data() + sections[i].sh_offset);
    for (size_t k = 0; k < sections[i].sh_size / sizeof *symbols; ++k) {
      const auto& symbol = symbols[k];
      const char* name = names + symbol.st_name;
      const int type = ELF64_ST_TYPE(symbol.st_info);
      if (symbol.st_shndx == SHN_UNDEF) continue;
      if (type == STT_FUNC) {
        functions_[bias_ + symbol.st_value] = name;
      } else if (type == STT_TLS && std::strncmp(name, "_ZZ", 3) == 0 && symbol.st_size) {
        const std::string full = demangled(name);
        if (full.compare(0, 9, "cudasim::") == 0) continue;
        const size_t scope = full.rfind("::");
        shared_.push_back(
            {scope == std::string::npos ? full : full.substr(scope + 2), tls_low_ + symbol.st_value, symbol.st_size});
      } else if (type == STT_OBJECT && in_variables(bias_ + symbol.st_value) && symbol.st_size) {
        variables_.push_back({demangled(name), bias_ + symbol.st_value, symbol.st_size});
      }
    }
  }
  const auto by_address = [](const Symbol& a, const Symbol& b) { return a.begin < b.begin; };
  std::sort(shared_.begin(), shared_.end(), by_address);
  std::sort(variables_.begin(), variables_.end(), by_address);
}

std::string Module::function_name(const void* function) const {
  const auto found = functions_.find(reinterpret_cast<uintptr_t>(function));
  if (found == functions_.end()) return "a kernel without a name";
  std::string name = demangled(found->second.c_str());
  if (const size_t parameters = name.rfind('('); parameters != std::string::npos) name.resize(parameters);
  if (name.compare(0, 5, "void ") == 0) name.erase(0, 5);  // the return type that names of template instances carry
  return name;
}

}  // namespace cudasim
