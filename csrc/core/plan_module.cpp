#include "core/plan_module.h"

#include <pybind11/stl.h>

#include <string>

#include "bindings/faults.h"

namespace py = pybind11;

namespace pe {
namespace {

// Below this many elements in all, giving the interpreter's lock away costs more than another thread could do
// meanwhile.
constexpr int64_t kElementsToReleaseGil = 65536;

// The exception of a call that failed, with the call's number as its attribute `call`.
void raise(const std::optional<Plan::Stop>& stop) {
  if (!stop) return;
  if (!PyErr_Occurred()) bindings::set_error(stop->fault);
  py::error_already_set error;
  error.value().attr("call") = stop->call;
  throw error;
}

KeptCall& kept_call(const py::handle& capsule) {
  auto* kept = static_cast<KeptCall*>(PyCapsule_GetPointer(capsule.ptr(), kKeptCallCapsule));
  if (!kept) throw py::error_already_set();
  return *kept;
}

bool append_relu(const py::object& call, uintptr_t out) {
  return kept_call(call).append_relu(reinterpret_cast<void*>(out));
}

constexpr const char* kPlan = R"(Kernel calls to be run again, in order, without Python between them.

calls  capsules as the functions in a kernel module's `_keepers` return them

An exception of a kernel ends the run and has the number of the call as its attribute `call`.)";

}  // namespace

PlanObject::PlanObject(const py::list& calls) : calls_(calls) {
  for (const py::handle call : calls) {
    plan_.add(&kept_call(call));
  }
}

void PlanObject::run(size_t first, std::optional<size_t> last) {
  const size_t end = std::min(last.value_or(size()), size());
  raise(without_python([&] { return plan_.run(first, end); }));
}

std::vector<double> PlanObject::run_timed() {
  std::vector<double> seconds;
  raise(without_python([&] { return plan_.run_timed(seconds); }));
  return seconds;
}

py::list PlanObject::views(size_t call) const {
  if (call >= size()) throw py::index_error("the plan has " + std::to_string(size()) + " calls");
  constexpr const char* names[] = {"read", "write", "update"};
  py::list out;
  for (const auto& [view, access] : plan_.views(call)) {
    py::tuple shape(view.ndim), strides(view.ndim);
    for (int i = 0; i < view.ndim; ++i) {
      shape[static_cast<size_t>(i)] = view.shape[i];
      strides[static_cast<size_t>(i)] = view.strides[i] * itemsize(view.dtype);
    }
    out.append(py::make_tuple(names[static_cast<int>(access)], reinterpret_cast<uintptr_t>(view.data), name(view.dtype),
                              shape, strides));
  }
  return out;
}

void PlanObject::move(uintptr_t from, size_t bytes, uintptr_t to) {
  plan_.move(reinterpret_cast<const void*>(from), bytes, reinterpret_cast<void*>(to));
}

template <class Run>
std::optional<Plan::Stop> PlanObject::without_python(Run&& run) {
  if (plan_.needs_python() || plan_.elements() < kElementsToReleaseGil) return run();
  const py::gil_scoped_release released;
  return run();
}

void add_plan(py::module_& module) {
  module.def("append_relu", &append_relu, py::arg("call"), py::arg("address"),
             "Let a kept call end with relu, its result going to `address`. False where its kernel has no activation.");
  py::class_<PlanObject>(module, "Plan", kPlan)
      .def(py::init<py::list>(), py::arg("calls"))
      .def("__len__", &PlanObject::size)
      .def("run", &PlanObject::run, py::arg("first") = 0, py::arg("last") = py::none(), "Run the calls [first, last).")
      .def("run_timed", &PlanObject::run_timed, "Run all calls; the seconds that each took.")
      .def("views", &PlanObject::views, py::arg("call"),
           "For each array of a call: 'read', 'write' or 'update', address, dtype, shape, strides in bytes.")
      .def("move", &PlanObject::move, py::arg("address"), py::arg("bytes"), py::arg("target"),
           "Arrays within the `bytes` from `address` on lie at `target` from now on.");
}

}  // namespace pe
