// From Python to a kernel and back. Compiled once into each kernel module; no arithmetic.
//
// for_each_kernel (kernels.h) is turned into functions of the module. A call goes through four steps, kept apart so
// that a parsed call can be kept and run again without Python: bind arguments to parameters, parse them into slots,
// make or check the outputs, run the kernel, without the GIL where the work is worth it.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <string>

#include "bindings/call.h"
#include "core/core_api.h"
#include "fusion.h"
#include "kernels.h"
#include "roof.h"

namespace pe::bindings {
namespace {

// Sets the Python exception for the C++ exception in flight.
PyObject* translate(const std::string& kernel) {
  if (const std::optional<Fault> fault = fault_in_flight(kernel)) set_error(*fault);
  return nullptr;
}

#ifdef PE_CUPY
// What a kernel of an earlier call found in its data, which nobody waited for; false with a Python exception.
bool no_earlier_faults() {
  try {
    raise_data_errors();
    return true;
  } catch (...) {
    translate("a kernel that was called earlier");
    return false;
  }
}

void raise_faults() {
  if (!no_earlier_faults()) throw pybind11::error_already_set();
}

void synchronize_device() {
  try {
    synchronize();
  } catch (...) {
    translate("a kernel that was called earlier");
    throw pybind11::error_already_set();
  }
}
#else
constexpr bool no_earlier_faults() { return true; }
#endif

void forget_kept(PyObject* capsule) { delete static_cast<KeptCall*>(PyCapsule_GetPointer(capsule, kKeptCallCapsule)); }

// Two Python functions of a kernel: one calls it, one also keeps the call. They live as long as the process, as
// extension modules do.
class Function {
 public:
  using Vectorcall = PyObject*(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);

  Function(const char* name, const char* parameters, bool has_outputs, bool elementwise)
      : signature_(name, parameters, has_outputs), elementwise_(elementwise) {}

  virtual PyObject* call(PyObject* const* args, Py_ssize_t positional, PyObject* keywords) const = 0;

  // Runs the kernel as `call` does and returns (its result, the call to be run again as a capsule).
  PyObject* keep(PyObject* const* args, Py_ssize_t positional, PyObject* keywords) const {
    if (!no_earlier_faults()) return nullptr;
    try {
      std::unique_ptr<AnyCall> kept = make();
      run(*kept, args, positional, keywords);
      PyObject* result = kept->result();
      kept->release();
      PyObject* capsule = PyCapsule_New(static_cast<KeptCall*>(kept.get()), kKeptCallCapsule, forget_kept);
      if (!capsule) throw PythonError{};
      kept.release();
      return Py_BuildValue("(NN)", result, capsule);
    } catch (...) {
      return translate(name());
    }
  }

  void add_to(pybind11::module_& module, pybind11::dict& keepers, Vectorcall calls, Vectorcall keeps) {
    module.attr(name().c_str()) = python_function(method_, calls, module);
    keepers[name().c_str()] = python_function(keep_method_, keeps, module);
  }

 protected:
  ~Function() = default;

  virtual std::unique_ptr<AnyCall> make() const = 0;

  const std::string& name() const { return signature_.name(); }

  PyObject* call(AnyCall& call, PyObject* const* args, Py_ssize_t positional, PyObject* keywords) const {
    if (!no_earlier_faults()) return nullptr;
    try {
      run(call, args, positional, keywords);
      return call.result();
    } catch (...) {
      return translate(name());
    }
  }

 private:
  void run(AnyCall& call, PyObject* const* args, Py_ssize_t positional, PyObject* keywords) const {
    PyObject* objects[kMaxParameters];
    signature_.bind(args, positional, keywords, objects);
    call.parse(signature_, objects);
    call.prepare(objects, elementwise_);
    call.run_first();
  }

  pybind11::object python_function(PyMethodDef& method, Vectorcall entry, const pybind11::module_& module) const {
    method = {name().c_str(), reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(entry)),
              METH_FASTCALL | METH_KEYWORDS, signature_.documentation()};
    auto made = pybind11::reinterpret_steal<pybind11::object>(
        PyCFunction_NewEx(&method, module.ptr(), module.attr("__name__").ptr()));
    if (!made) throw pybind11::error_already_set();
    return made;
  }

  Signature signature_;
  bool elementwise_;
  PyMethodDef method_, keep_method_;
};

// That of a kernel and an output rule of these types.
template <class Kernel, class Rule>
class TypedFunction final : public Function {
  using TypedCall = Call<Kernel, Rule>;

 public:
  TypedFunction(Kernel kernel, Rule rule, const char* name, const char* parameters, bool elementwise)
      : Function(name, parameters, TypedCall::kOutputs > 0, elementwise), kernel_(kernel), rule_(rule) {}

  PyObject* call(PyObject* const* args, Py_ssize_t positional, PyObject* keywords) const override {
    TypedCall call(name(), kernel_, rule_);  // on the stack: an allocation would be a third of a small call
    return Function::call(call, args, positional, keywords);
  }

 private:
  std::unique_ptr<AnyCall> make() const override { return std::make_unique<TypedCall>(name(), kernel_, rule_); }

  Kernel kernel_;
  Rule rule_;
};

// What Python calls, with the kernel as template argument: a Python function brings no data of its own along.
template <auto kKernel, auto kRule>
struct Entry {
  static inline const Function* function;

  static PyObject* call(PyObject*, PyObject* const* args, Py_ssize_t positional, PyObject* keywords) {
    return function->call(args, positional, keywords);
  }

  static PyObject* keep(PyObject*, PyObject* const* args, Py_ssize_t positional, PyObject* keywords) {
    return function->keep(args, positional, keywords);
  }
};

template <auto kKernel, auto kRule>
void add(const Kernel<kKernel, kRule>& kernel, pybind11::module_& module, pybind11::dict& keepers) {
  using Made = TypedFunction<decltype(kKernel), decltype(kRule)>;
  Function* made = new Made(kKernel, kRule, kernel.name, kernel.signature, kernel.elementwise);
  made->add_to(module, keepers, Entry<kKernel, kRule>::call, Entry<kKernel, kRule>::keep);
  Entry<kKernel, kRule>::function = made;
}

void import_core() {
  auto capsule = pybind11::module_::import("pyengine._core").attr("api");
  const auto* api = static_cast<const CoreApi*>(PyCapsule_GetPointer(capsule.ptr(), kCoreApiCapsule));
  if (!api) throw pybind11::error_already_set();
  if (api->version != kCoreApiVersion)
    throw pybind11::import_error("pyengine._core is of another version than its kernels; install pyengine anew");
  set_core(api);
}

#ifdef PE_FUSES
// A kept call that does what `calls`, kept ones of this module, do in order. `inner` holds (address, bytes) of results
// that only they use.
pybind11::object fuse_calls(const pybind11::list& calls, const std::vector<std::pair<uintptr_t, size_t>>& inner) {
  std::vector<LoopSketch> loops(calls.size());
  for (size_t i = 0; i < loops.size(); ++i) {
    auto* call = static_cast<KeptCall*>(PyCapsule_GetPointer(calls[i].ptr(), kKeptCallCapsule));
    if (!call) throw pybind11::error_already_set();
    if (!call->describe(loops[i]))
      throw pybind11::value_error("call " + std::to_string(i) + " is no single loop over elements");
  }
  std::vector<InnerResult> results;
  for (const auto& [address, bytes] : inner) results.push_back({reinterpret_cast<const char*>(address), bytes});
  std::unique_ptr<KeptCall> fused = fuse(loops, results);
  PyObject* capsule = PyCapsule_New(fused.get(), kKeptCallCapsule, forget_kept);
  if (!capsule) throw pybind11::error_already_set();
  fused.release();
  return pybind11::reinterpret_steal<pybind11::object>(capsule);
}
#endif

// The roof as (FLOP/s, [(bytes, bytes/s), …]).
pybind11::tuple roof() {
  Roof found;
  {
    pybind11::gil_scoped_release released;
    found = measure_roof();
  }
  pybind11::list paces;
  for (const Pace& pace : found.paces) paces.append(pybind11::make_tuple(pace.bytes, pace.bytes_per_second));
  return pybind11::make_tuple(found.flops, paces);
}

}  // namespace
}  // namespace pe::bindings

PYBIND11_MODULE(kernels, module) {
  using namespace pe::bindings;
  if (PyArray_ImportNumPyAPI() < 0) throw pybind11::error_already_set();
  import_core();
  module.def("_roof", &roof);  // no kernel: the underscore keeps it out of the table
#ifdef PE_FUSES
  module.def("_fuse", &fuse_calls);
#endif
#ifdef PE_CUPY
  module.def("_synchronize", &synchronize_device);
  module.def("_raise_faults", &raise_faults);
#endif
  pybind11::dict keepers;
  pe::for_each_kernel([&](const auto& kernel) { add(kernel, module, keepers); });
  module.attr("_keepers") = keepers;
}
