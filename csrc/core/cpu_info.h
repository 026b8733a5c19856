// What this process may use: instructions, cores, caches, memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace pe {

// The x86-64 level of the processor and the operating system together, "v2", "v3" or "v4", or "arm".
// Throws std::runtime_error on an x86-64 processor below v2. Source: x86-64 psABI, "Micro-Architecture Levels".
std::string isa_level();

std::string cpu_name();  // "AMD EPYC 7763 64-Core Processor"

// The cores that the affinity mask allows, at most as many as the cgroup's CPU quota pays for, rounded up. At least 1.
// `root` is where /proc and /sys are looked for; a test gives another one.
int usable_cores(const std::string& root = "");

// The machine's memory or the cgroup's limit, whichever is less, in bytes.
size_t usable_memory(const std::string& root = "");

// The last-level cache of the first core, in bytes; 32 MiB where the system does not say.
int64_t largest_cache(const std::string& root = "");

// Results of more bytes are written past the caches (cpu/streams.h). At first half the largest cache: whoever reads
// such a result and writes one of the same size cannot have both in it. For the checks it can be set.
int64_t stream_limit();
void set_stream_limit(int64_t bytes);

}  // namespace pe
