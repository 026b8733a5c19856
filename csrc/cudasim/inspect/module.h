// The program or library that kernels were compiled into, as its ELF file tells: where the variables of kernels lie and
// what they are called, and the names of functions. The symbol table must not have been stripped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace cudasim {

struct Symbol {
  std::string name;
  uintptr_t begin;
  size_t bytes;
};

class Module {
 public:
  explicit Module(const void* function);  // the one that this function is in

  bool contains(uintptr_t address) const { return address - low_ < high_ - low_; }
  bool in_variables(uintptr_t address) const { return address - data_low_ < data_high_ - data_low_; }
  std::string function_name(const void* function) const;
  uint32_t offset_of(uintptr_t pc) const { return static_cast<uint32_t>(pc - bias_); }

  const std::string& path() const { return path_; }
  const std::vector<Symbol>& shared() const { return shared_; }        // __shared__, of this OS thread
  const std::vector<Symbol>& variables() const { return variables_; }  // __device__ and __constant__, and the host's
  uintptr_t shared_low() const { return tls_low_; }                    // all of shared() lies from here on
  size_t shared_bytes() const { return tls_bytes_; }
  uintptr_t data_low() const { return data_low_; }
  size_t data_bytes() const { return data_high_ - data_low_; }

 private:
  void read_symbols();

  std::string path_;
  uintptr_t bias_ = 0, low_ = 0, high_ = 0, data_low_ = 0, data_high_ = 0, tls_low_ = 0;
  size_t tls_bytes_ = 0;
  std::vector<Symbol> shared_, variables_;
  std::map<uintptr_t, std::string> functions_;
};

std::string demangled(const char* symbol);

}  // namespace cudasim
