// Replay: what surrounds the calls of a recorded step on the host. It looks whether a recording fits the arguments of a
// call, gives the plan their memory and new memory for the results, and runs it.
//
// A kernel reads an argument where the caller has it, and writes a result where the caller gets it: neither is copied,
// unless the step changes its argument, or both share memory, or strides are others than at the recording.
#include "core/replay_module.h"

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "bindings/pool_array.h"
#include "core/garbage.h"
#include "core/plan_module.h"

namespace py = pybind11;

namespace pe {
namespace {

struct SlotObject {
  SlotObject(PlanObject& plan, uintptr_t address, size_t bytes)
      : slot(plan.plan(), reinterpret_cast<const void*>(address), bytes) {}
  Slot slot;
};

PyArrayObject* as_array(const py::handle& object) {
  if (!PyArray_Check(object.ptr())) throw py::type_error("Replay: takes tensors of NumPy's arrays");
  return reinterpret_cast<PyArrayObject*>(object.ptr());
}

char* begin_of(PyArrayObject* array) { return static_cast<char*>(PyArray_DATA(array)); }
bool is_dense(PyArrayObject* array) { return PyArray_IS_C_CONTIGUOUS(array); }

bool same_layout(PyArrayObject* a, PyArrayObject* b) {
  const int ndim = PyArray_NDIM(a);
  return PyArray_DESCR(a) == PyArray_DESCR(b) && ndim == PyArray_NDIM(b) &&
         PyArray_CompareLists(PyArray_DIMS(a), PyArray_DIMS(b), ndim);
}

void copy_elements(PyArrayObject* from, PyArrayObject* to) {
  if (is_dense(from) && is_dense(to)) {
    std::memcpy(PyArray_DATA(to), PyArray_DATA(from), static_cast<size_t>(PyArray_NBYTES(to)));
  } else if (PyArray_CopyInto(to, from) < 0) {
    throw py::error_already_set();
  }
}

// A new row-major array like `array`, its elements left open.
py::object new_like(PyArrayObject* array) {
  Spec spec;
  spec.dtype = *bindings::dtype_of(PyArray_DESCR(array));
  spec.ndim = PyArray_NDIM(array);
  std::copy_n(PyArray_DIMS(array), spec.ndim, spec.shape);
  PyObject* made = bindings::new_pool_array(spec);
  if (!made) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(made);
}

// An argument or a result of the step: its array at the recording, and its slot, null where it is always copied.
struct Port {
  PyArrayObject* home;
  const SlotObject* slot;

  void place(PyArrayObject* array) const { slot->slot.place(PyArray_DATA(array)); }
  void place_home() const {
    if (slot) place(home);
  }
};

// An argument at the recording; only a tensor has data and a device.
struct Known {
  py::object object, data, device;
};

struct Range {
  const char *begin, *end;
};

class Replay {
 public:
  Replay(PlanObject& plan, const py::object& arguments, const py::list& inputs, const py::list& outputs,
         const py::list& written)
      : plan_(plan), kept_(py::make_tuple(inputs, outputs)) {
    for (const py::handle input : inputs) inputs_.push_back(port(input));
    for (const py::handle output : outputs) outputs_.push_back(port(output));
    for (const py::handle range : written) {
      const auto [address, bytes] = range.cast<std::pair<uintptr_t, size_t>>();
      const auto* begin = reinterpret_cast<const char*>(address);
      written_.push_back({begin, begin + bytes});
    }
    fits_ = !arguments.is_none();
    if (!fits_) return;
    for (const py::handle argument : arguments.cast<py::tuple>()) {
      Known known{py::reinterpret_borrow<py::object>(argument), {}, {}};
      if (PyObject_HasAttr(argument.ptr(), data_.ptr())) {
        tensor_ = Py_TYPE(argument.ptr());
        known.data = get(argument.ptr(), data_);
        known.device = get(argument.ptr(), device_);
      }
      arguments_.push_back(std::move(known));
    }
  }

  // The tensors among the arguments, where these are like those of the recording; else None.
  py::object match(const py::tuple& given) const {
    if (!fits_ || given.size() != arguments_.size()) return py::none();
    bool tensors_alone = true;
    for (size_t i = 0; i < arguments_.size(); ++i) {
      PyObject* const object = PyTuple_GET_ITEM(given.ptr(), static_cast<Py_ssize_t>(i));
      const Known& known = arguments_[i];
      if (!known.data) {
        if (known.object.ptr() != object) return py::none();
        tensors_alone = false;
      } else if (Py_TYPE(object) != tensor_ || !alike(object, known)) {
        return py::none();
      }
    }
    if (tensors_alone) return given;
    py::list tensors;
    for (const py::handle object : given)
      if (Py_TYPE(object.ptr()) == tensor_) tensors.append(object);
    return py::tuple(tensors);
  }

  // Run the plan on these tensors, of the shapes and dtypes of the recording's; new arrays of the results.
  py::list run(const py::sequence& tensors) {
    if (tensors.size() != inputs_.size()) throw py::value_error("Replay: takes as many tensors as were recorded");
    const Restored restored{*this};
    std::vector<py::object> arrays;  // keep them alive while they are worked on
    arrays.reserve(inputs_.size());
    for (size_t i = 0; i < inputs_.size(); ++i) {
      arrays.push_back(get(py::object(tensors[i]).ptr(), data_));
      take_in(inputs_[i], as_array(arrays.back()));
    }
    py::list results(outputs_.size());
    for (size_t i = 0; i < outputs_.size(); ++i) {
      results[i] = new_like(outputs_[i].home);
      if (outputs_[i].slot) outputs_[i].place(as_array(results[i]));
    }
    plan_.run();
    for (size_t i = 0; i < outputs_.size(); ++i)
      if (!outputs_[i].slot) copy_elements(outputs_[i].home, as_array(results[i]));
    return results;
  }

  int traverse(visitproc visit, void* arg) const {
    for (const Known& known : arguments_) {
      Py_VISIT(known.object.ptr());
      Py_VISIT(known.data.ptr());
      Py_VISIT(known.device.ptr());
    }
    Py_VISIT(kept_.ptr());
    return 0;
  }

  void clear() {
    fits_ = false;
    inputs_.clear();
    outputs_.clear();
    std::exchange(arguments_, {});
    std::exchange(kept_, py::tuple());
  }

 private:
  // Between replays the plan works on memory of its own: it may be looked at when the caller's is gone.
  struct Restored {
    const Replay& replay;
    ~Restored() {
      for (const Port& port : replay.inputs_) port.place_home();
      for (const Port& port : replay.outputs_) port.place_home();
    }
  };

  static Port port(const py::handle& pair) {
    const auto parts = py::reinterpret_borrow<py::tuple>(pair);
    return {as_array(parts[0]), parts[1].is_none() ? nullptr : parts[1].cast<const SlotObject*>()};
  }

  static py::object get(PyObject* object, const py::object& name) {
    PyObject* found = PyObject_GetAttr(object, name.ptr());
    if (!found) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(found);
  }

  bool alike(PyObject* given, const Known& known) const {
    const py::object data = get(given, data_);
    return PyArray_Check(data.ptr()) && same_layout(as_array(data), as_array(known.data)) &&
           get(given, device_).is(known.device) && get(given, requires_grad_).ptr() == Py_False;
  }

  void take_in(const Port& input, PyArrayObject* given) const {
    if (input.slot && is_dense(given) && PyArray_ISALIGNED(given) && !is_written(given)) {
      input.place(given);
    } else {
      copy_elements(given, input.home);
    }
  }

  bool is_written(PyArrayObject* array) const {
    const char *const begin = begin_of(array), *const end = begin + PyArray_NBYTES(array);
    for (const Range& range : written_)
      if (begin < range.end && range.begin < end) return true;
    return false;
  }

  PlanObject& plan_;
  std::vector<Known> arguments_;
  bool fits_ = false;  // some call
  py::tuple kept_;     // owns the arrays and slots of the ports
  std::vector<Port> inputs_, outputs_;
  std::vector<Range> written_;
  PyTypeObject* tensor_ = nullptr;
  py::str data_{"data"}, device_{"device"}, requires_grad_{"requires_grad"};
};

constexpr const char* kSlot = R"(Memory of a plan that may lie elsewhere in each replay.

plan            whose calls use it
address, bytes  where it lies when the slot is made; wherever it is moved before the first replay

>>> slot = Slot(Plan([]), 64, 16)
)";

constexpr const char* kReplay = R"(A plan with the memory of the step's arguments and results.

arguments  what the step was called with, as a tuple, its tensors those of the recording; None: `match` never fits
inputs     (array, slot) of each tensor among them; slot None where it must be copied in
outputs    (array, slot) of each result, where the plan leaves it; slot None where it must be copied out
written    (address, bytes) of all else that the plan writes: an argument there is copied

Tensors are objects with `data`, a NumPy array, and with `device` and `requires_grad`.)";

}  // namespace

void add_replay(py::module_& module) {
  if (PyArray_ImportNumPyAPI() < 0) throw py::error_already_set();
  py::class_<SlotObject>(module, "Slot", kSlot)
      .def(py::init<PlanObject&, uintptr_t, size_t>(), py::arg("plan"), py::arg("address"), py::arg("bytes"),
           py::keep_alive<1, 2>());
  py::class_<Replay>(module, "Replay", py::custom_type_setup(collect_garbage<Replay>), kReplay)
      .def(py::init<PlanObject&, py::object, py::list, py::list, py::list>(), py::arg("plan"), py::arg("arguments"),
           py::arg("inputs"), py::arg("outputs"), py::arg("written"), py::keep_alive<1, 2>())
      .def("match", &Replay::match, py::arg("args"),
           "The tensors among `args`, a tuple, where a replay can take them: of the same shapes, dtypes and devices, "
           "none that requires a gradient, all else the same objects. None where one differs.")
      .def("run", &Replay::run, py::arg("tensors"),
           "Run the plan on these tensors; the results as new arrays. The exception of a call as of Plan.run.");
}

}  // namespace pe
