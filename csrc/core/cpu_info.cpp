#include "core/cpu_info.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <limits>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif
#ifdef __x86_64__
#include <cpuid.h>
#endif

namespace pe {
namespace {

#ifdef __x86_64__

struct Registers {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers cpuid(uint32_t leaf, uint32_t subleaf = 0) {
  Registers r;
  __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);  // leaves zeros where there is no such leaf
  return r;
}

// Which registers the operating system saves on a context switch; without its help wide registers are unusable.
uint32_t saved_state() {
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

constexpr uint32_t bits(std::initializer_list<int> positions) {
  uint32_t mask = 0;
  for (int position : positions) mask |= uint32_t{1} << position;
  return mask;
}

bool has(uint32_t value, uint32_t mask) { return (value & mask) == mask; }

// The highest level that the processor and the operating system support; 1 is the baseline with SSE2.
int x86_level() {
  const Registers basic = cpuid(1), extended = cpuid(7), amd = cpuid(0x80000001);
  // SSE3, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2, POPCNT; LAHF
  if (!has(basic.ecx, bits({0, 9, 13, 19, 20, 23})) || !has(amd.ecx, bits({0}))) return 1;
  // FMA, MOVBE, OSXSAVE, AVX, F16C; BMI1, AVX2, BMI2; LZCNT; XMM and YMM saved
  if (!has(basic.ecx, bits({12, 22, 27, 28, 29})) || !has(extended.ebx, bits({3, 5, 8})) || !has(amd.ecx, bits({5})) ||
      !has(saved_state(), bits({1, 2}))) {
    return 2;
  }
  // AVX-512 F, DQ, CD, BW, VL; mask registers and both halves of ZMM saved
  if (!has(extended.ebx, bits({16, 17, 28, 30, 31})) || !has(saved_state(), bits({5, 6, 7}))) return 3;
  return 4;
}

#endif

std::optional<std::string> first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return line;
}

constexpr double kUnlimited = std::numeric_limits<double>::infinity();

// "max" (cgroup v2) and -1 (v1) mean no limit, and so does a missing file.
double limit_from(std::istream& words) {
  std::string word;
  words >> word;
  char* end = nullptr;
  const double value = std::strtod(word.c_str(), &end);
  return end == word.c_str() || value < 0 ? kUnlimited : value;
}

double limit_in(const std::string& path) {
  std::istringstream words(first_line(path).value_or(""));
  return limit_from(words);
}

// The cores that a control group pays for: quota over period, both in microseconds.
double cpu_quota(const std::string& group, bool v2) {
  std::istringstream words(v2 ? first_line(group + "/cpu.max").value_or("")
                              : first_line(group + "/cpu.cfs_quota_us").value_or("") + " " +
                                    first_line(group + "/cpu.cfs_period_us").value_or(""));
  const double quota = limit_from(words), period = limit_from(words);
  return period > 0 && period < kUnlimited ? quota / period : kUnlimited;
}

double memory_limit(const std::string& group, bool v2) {
  return limit_in(group + (v2 ? "/memory.max" : "/memory.limit_in_bytes"));
}

bool lists(const std::string& controllers, const std::string& wanted) {
  return ("," + controllers + ",").find("," + wanted + ",") != std::string::npos;
}

// The least of `limit(directory, v2)` over the control groups of this process and the groups that contain them: each
// one on the way up to the root binds. Lines of /proc/self/cgroup read "id:controllers:path", with no controllers in
// v2. In a container the path may name a directory that only the host sees; the walk then ends at the container's own
// root.
double cgroup_limit(const std::string& root, const std::string& controller, double (*limit)(const std::string&, bool)) {
  double least = kUnlimited;
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool v2 = controllers.empty();
    if (!v2 && !lists(controllers, controller)) continue;
    const std::string mount = root + "/sys/fs/cgroup" + (v2 ? "" : "/" + controller);
    std::string path = line.substr(second + 1);
    for (;;) {
      least = std::min(least, limit(mount + path, v2));
      if (path.empty()) break;
      path.resize(path.find_last_of('/') == std::string::npos ? 0 : path.find_last_of('/'));
    }
  }
  return least;
}

constexpr int64_t kTypicalCache = int64_t{32} << 20;

std::atomic<int64_t>& stream_limit_setting() {
  static std::atomic<int64_t> bytes = largest_cache() / 2;
  return bytes;
}

int affinity_cores() {
#ifdef __linux__
  // The kernel refuses a mask shorter than its own; machines with more than 1,024 cores have longer ones.
  for (int cores = 1024; cores <= (1 << 20); cores *= 2) {
    cpu_set_t* mask = CPU_ALLOC(cores);
    const size_t bytes = CPU_ALLOC_SIZE(cores);
    const bool known = mask && sched_getaffinity(0, bytes, mask) == 0;
    const int count = known ? CPU_COUNT_S(bytes, mask) : 0;
    CPU_FREE(mask);
    if (known) return count;
  }
#endif
  return static_cast<int>(std::thread::hardware_concurrency());
}

}  // namespace

std::string isa_level() {
#ifdef __x86_64__
  const int level = x86_level();
  if (level < 2) {
    throw std::runtime_error("pyengine needs an x86-64-v2 processor (SSE4.2, from about 2009 on); this one, " +
                             cpu_name() + ", has only the baseline");
  }
  constexpr const char* names[] = {"v2", "v3", "v4"};
  return names[level - 2];
#elif defined(__aarch64__)
  return "arm";
#else
#error "pyengine runs on x86-64 and 64-bit Arm"
#endif
}

std::string cpu_name() {
#ifdef __x86_64__
  if (cpuid(0x80000000).eax >= 0x80000004) {
    char name[49] = {};
    for (uint32_t i = 0; i < 3; ++i) {
      const Registers r = cpuid(0x80000002 + i);
      std::memcpy(name + 16 * i, &r, sizeof(r));
    }
    const std::string text = name;
    const size_t begin = text.find_first_not_of(' ');
    if (begin != std::string::npos) return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
  }
  return "unknown x86-64 processor";
#else
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t value = line.find(": ");
    if (line.starts_with("model name") && value != std::string::npos) return line.substr(value + 2);
  }
  return "64-bit Arm processor";
#endif
}

int usable_cores(const std::string& root) {
  const double quota = std::ceil(cgroup_limit(root, "cpu", cpu_quota));
  return static_cast<int>(std::max(1.0, std::min<double>(affinity_cores(), quota)));
}

size_t usable_memory(const std::string& root) {
  const double machine = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  return static_cast<size_t>(std::min(machine, cgroup_limit(root, "memory", memory_limit)));
}

// Each cache of a core is a directory index0, index1, … whose file `size` reads "512K".
int64_t largest_cache(const std::string& root) {
  int64_t largest = 0;
  for (int index = 0;; ++index) {
    const auto size = first_line(root + "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/size");
    if (!size) break;
    largest = std::max<int64_t>(largest, std::atoll(size->c_str()) * 1024);
  }
  return largest > 0 ? largest : kTypicalCache;
}

int64_t stream_limit() { return stream_limit_setting().load(std::memory_order_relaxed); }

void set_stream_limit(int64_t bytes) { stream_limit_setting().store(bytes, std::memory_order_relaxed); }

}  // namespace pe
