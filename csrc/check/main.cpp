// Runs every kernel of kernels.h on several shapes, layouts and dtypes against plain loops, with 1 and with 4 threads,
// as if results outgrew the caches, and with two callers at once; all must give the same bits. This is the program that
// tools/sanitize runs.
//
//   check_cpu_v3                all kernels
//   check_cpu_v3 softmax sum    the named ones
//
// Exits with 1 where a result differs, and where a kernel of the table has no check.
#include "check/check.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <thread>

#include "check/generic.h"
#include "core/linked_core.h"
#include "core/memory_pool.h"
#include "core/thread_pool.h"

namespace pe::check {

void Report::fail(const std::string& what) {
  constexpr int kShown = 20;
  if (++failures_ <= kShown) std::fprintf(stderr, "%s: %s\n", title_.c_str(), what.c_str());
}

void Report::expect(const std::string& what, Tensor& out, const Expected& want, double tolerance,
                    const std::function<void()>& call) {
  out.poison();
  call();
  compare(what, out, want, tolerance);
}

void Report::compare(const std::string& what, const Tensor& got, const Expected& want, double tolerance) {
  bits_.push_back(got.bits());
  if (earlier_) {
    if (bits_.size() > earlier_->size() || (*earlier_)[bits_.size() - 1] != bits_.back())
      fail(what + ": other bits than in the first pass");
    return;
  }
  const Values values = got.values(), wanted = want();
  if (values.size() != wanted.size()) return fail(what + ": the check expects another number of elements");
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] == wanted[i] || (std::isnan(values[i]) && std::isnan(wanted[i]))) continue;
    if (std::fabs(values[i] - wanted[i]) <= tolerance * std::max(1.0, std::fabs(wanted[i]))) continue;
    return fail(what + ": element " + std::to_string(i) + " is " + std::to_string(values[i]) + ", expected " +
                std::to_string(wanted[i]));
  }
}

void Report::expect_refusal(const std::string& what, const std::function<void()>& call) {
  try {
    call();
  } catch (const std::invalid_argument&) {
    return;
  }
  fail(what + ": accepted");
}

namespace {

constexpr int64_t kNothingStreams = std::numeric_limits<int64_t>::max();

struct Check {
  const char* kernel;  // its name in for_each_kernel, or what else is checked
  void (*run)(Report& report);
};

std::vector<Check>& all_checks() {
  static std::vector<Check> all;
  return all;
}

// The checks in the order of the kernel table, then those of no kernel. An elementwise kernel gets the generic one too;
// one that has none fails.
std::vector<Check> checks_of_table(Report& report) {
  std::vector<Check> ordered;
  for_each_kernel([&](const auto& kernel) {
    const size_t before = ordered.size();
    for (const Check& check : all_checks())
      if (std::strcmp(check.kernel, kernel.name) == 0) ordered.push_back(check);
    using G = Generic<std::decay_t<decltype(kernel)>>;
    if constexpr (G::kInputs > 0) {
      if (kernel.elementwise) {
        G::name = kernel.name;
        G::alone = ordered.size() == before;
        ordered.push_back({kernel.name, G::run});
      }
    }
    if (ordered.size() == before) report.fail(std::string(kernel.name) + ": has no check in csrc/check");
  });
  for (const Check& check : all_checks()) {
    const auto same_name = [&](const Check& other) { return std::strcmp(check.kernel, other.kernel) == 0; };
    if (std::none_of(ordered.begin(), ordered.end(), same_name)) ordered.push_back(check);
  }
  return ordered;
}

void run_all(const std::vector<Check>& checks, Report& report) {
  for (const Check& check : checks) {
    try {
      check.run(report);
    } catch (const std::exception& error) {
      report.fail(std::string(check.kernel) + ": threw " + error.what());
    }
  }
}

int run(std::span<char*> names) {
  set_core(&kLinkedCore);
  set_poison(true);  // scratch starts as NaN
  set_num_threads(1);
  set_stream_limit(kNothingStreams);
  Report single("1 thread", nullptr);
  std::vector<Check> checks = checks_of_table(single);
  if (!names.empty()) {
    std::erase_if(checks, [&](const Check& check) {
      return std::none_of(names.begin(), names.end(), [&](char* name) { return std::strcmp(name, check.kernel) == 0; });
    });
    if (checks.empty()) single.fail("no kernel has one of these names");
  }
  run_all(checks, single);

  // As if every result outgrew the caches.
  set_num_threads(4);
  set_stream_limit(-1);
  Report several("4 threads, past the caches", &single.bits());
  run_all(checks, several);
  set_stream_limit(kNothingStreams);

  // Two callers: one of them has the workers, the other one computes alone.
  Report here("4 threads, first of two callers", &single.bits());
  Report there("4 threads, second of two callers", &single.bits());
  std::thread other(run_all, std::cref(checks), std::ref(there));
  run_all(checks, here);
  other.join();

  int failures = single.failures() + several.failures() + here.failures() + there.failures();
  if (const size_t kept = memory_stats().in_use; kept > 0) {
    std::fprintf(stderr, "%zu bytes of scratch were not given back\n", kept);
    ++failures;
  }
  empty_cache();
  std::printf("%zu checks, %lld cases, %d failures\n", checks.size(), static_cast<long long>(single.cases()), failures);
  return failures == 0 ? 0 : 1;
}

}  // namespace

Registered::Registered(const char* kernel, void (*run)(Report&)) { all_checks().push_back({kernel, run}); }

}  // namespace pe::check

int main(int count, char** arguments) { return pe::check::run({arguments + 1, arguments + count}); }
