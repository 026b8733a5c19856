// A list of kept calls: a recorded step, run with no Python between its kernels.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "core/kept_call.h"

namespace pe {

class Plan {
 public:
  struct Stop {  // where a run ended early
    size_t call;
    Fault fault;
  };

  void add(KeptCall* call);  // must outlive the plan
  size_t size() const { return calls_.size(); }
  bool needs_python() const { return needs_python_; }
  int64_t elements() const { return elements_; }  // of all arrays of all calls

  std::optional<Stop> run(size_t first, size_t last) noexcept;  // the calls [first, last)
  std::optional<Stop> run_timed(std::vector<double>& seconds);  // all of them, with the time that each took

  // Arrays that lie within [from, from + bytes) lie at `to` from now on.
  void move(const void* from, size_t bytes, void* to);
  std::vector<std::pair<Array, Access>> views(size_t call) const;

  const std::vector<KeptCall*>& calls() const { return calls_; }

 private:
  std::vector<KeptCall*> calls_;
  bool needs_python_ = false;
  int64_t elements_ = 0;
};

// Memory of a plan that may lie elsewhere in each run, as what a step is given and returns does: the arrays that lie
// within [begin, begin + bytes) when the slot is made, wherever they are moved later. The plan must outlive it.
class Slot {
 public:
  Slot(const Plan& plan, const void* begin, size_t bytes);

  void place(void* at) const;  // where `begin` is from now on

 private:
  struct Use {
    KeptCall* call;
    std::vector<std::pair<const Array*, ptrdiff_t>> arrays;  // with their distance from `begin`
  };
  std::vector<Use> uses_;
};

}  // namespace pe
