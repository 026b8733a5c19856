// The class Plan of pyengine._core.
#pragma once

#include <pybind11/pybind11.h>

#include <optional>
#include <vector>

#include "core/plan.h"

namespace pe {

// A Plan and the calls that it runs.
class PlanObject {
 public:
  explicit PlanObject(const pybind11::list& calls);

  Plan& plan() { return plan_; }
  size_t size() const { return plan_.size(); }

  // Throws the exception of a call that failed, with the call's number as its attribute `call`.
  void run(size_t first = 0, std::optional<size_t> last = std::nullopt);
  std::vector<double> run_timed();

  // (access, address, dtype, shape, strides in bytes) of each array of a call.
  pybind11::list views(size_t call) const;
  void move(uintptr_t from, size_t bytes, uintptr_t to);

 private:
  template <class Run>
  std::optional<Plan::Stop> without_python(Run&& run);

  pybind11::list calls_;
  Plan plan_;
};

void add_plan(pybind11::module_& module);

}  // namespace pe
