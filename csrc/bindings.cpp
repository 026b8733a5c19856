// From Python to a kernel and back. Compiled once into each kernel module; no arithmetic.
//
// for_each_kernel (kernels.h) is turned into functions of the module. A call goes through four steps, kept apart so
// that a parsed call can be kept and run again without Python: bind arguments to parameters, parse them into slots,
// make or check the outputs, run the kernel, without the GIL where the work is worth it.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "bindings/faults.h"
#include "bindings/outputs.h"
#include "bindings/slots.h"
#include "core/core_api.h"
#include "fusion.h"
#include "kernels.h"
#include "roof.h"

namespace pe::bindings {
namespace {

template <class Role>
inline constexpr bool is_output = std::is_same_v<Role, Out> || std::is_same_v<Role, OptOut>;

// A kernel's parameter roles: inputs and attributes first, then outputs.
template <class Function>
struct Roles;

template <class... Role>
struct Roles<void (*)(Role...)> {
  static constexpr size_t kOutputs = (size_t{is_output<Role>} + ... + 0);
  static constexpr size_t kInputs = sizeof...(Role) - kOutputs;
  template <size_t I>
  using At = std::tuple_element_t<I, std::tuple<Role...>>;
};

inline const Spec* begin_of(const Spec& spec) { return &spec; }
template <size_t N>
const Spec* begin_of(const std::array<Spec, N>& specs) {
  return specs.data();
}

template <class K>
class Call;

template <auto kKernel, auto kOutputs>
class Call<Kernel<kKernel, kOutputs>> {
  using R = Roles<decltype(kKernel)>;

 public:
  void parse(const Signature& signature, PyObject* const* objects) {
    parse(signature, objects, std::make_index_sequence<R::kInputs>{});
  }

  // `given` is None, an array, or for several outputs a tuple of arrays.
  void prepare(PyObject* given, bool elementwise) {
    auto specs = specify(std::make_index_sequence<R::kInputs>{});
    const Spec* spec = begin_of(specs);
    for (size_t i = 0; i < R::kOutputs; ++i) {
      if (given == Py_None) {
        outputs_[i].make(spec[i]);
      } else {
        outputs_[i].accept(R::kOutputs == 1 ? given : item(given, i), spec[i]);
        check_overlap(outputs_[i], elementwise, std::make_index_sequence<R::kInputs>{});
      }
    }
  }

  void check() { specify(std::make_index_sequence<R::kInputs>{}); }

  void run() {
    const CallScope scope(elements());
    run_kernel();
  }

  // Lets go of Python's objects: whoever keeps the call keeps the arrays.
  void release() {
    std::apply([](auto&... slot) { (slot.release(), ...); }, inputs_);
  }

  void run_kernel() { run(std::make_index_sequence<R::kInputs>{}, std::make_index_sequence<R::kOutputs>{}); }

  // visit(view, access) for every array, arguments first.
  template <class Visit>
  void visit(Visit&& visit) {
    std::apply([&](auto&... slot) { (slot.visit(visit), ...); }, inputs_);
    for (Output& out : outputs_)
      if (!out.absent) visit(out.view, Access::write);
  }

  PyObject* result() {
    if constexpr (R::kOutputs == 0) {
      return Py_NewRef(Py_None);
    } else if constexpr (R::kOutputs == 1) {
      return outputs_[0].take();
    } else {
      PyObject* tuple = PyTuple_New(R::kOutputs);
      if (!tuple) throw PythonError{};
      for (size_t i = 0; i < R::kOutputs; ++i) PyTuple_SET_ITEM(tuple, static_cast<Py_ssize_t>(i), outputs_[i].take());
      return tuple;
    }
  }

  static constexpr size_t kInputs = R::kInputs;
  static constexpr bool kHasOutputs = R::kOutputs > 0;

 private:
  template <size_t... I>
  void parse(const Signature& signature, PyObject* const* objects, std::index_sequence<I...>) {
    (parse_one(signature, std::get<I>(inputs_), objects[I], I), ...);
  }

  template <class S>
  static void parse_one(const Signature& signature, S& slot, PyObject* object, size_t i) {
    if (const char* expected = slot.parse(object))
      throw ArgumentError{std::string(signature.parameter(i)) + " must be " + expected + ", not " +
                          Py_TYPE(object)->tp_name};
  }

  template <size_t... I>
  auto specify(std::index_sequence<I...>) {
    return kOutputs(std::get<I>(inputs_).value()...);
  }

  template <size_t... I, size_t... O>
  void run(std::index_sequence<I...>, std::index_sequence<O...>) {
    kKernel(std::get<I>(inputs_).value()..., output<typename R::template At<R::kInputs + O>>(outputs_[O])...);
  }

  template <class Role>
  static Role output(Output& out) {
    if constexpr (std::is_same_v<Role, OptOut>) {
      return out.absent ? nullptr : &out.view;
    } else {
      return out.view;
    }
  }

  int64_t elements() {
    int64_t total = 0;
    visit([&](const Array& a, Access) { total += a.size(); });
    return total;
  }

  static PyObject* item(PyObject* given, size_t i) {
    if (!PyTuple_Check(given) || PyTuple_GET_SIZE(given) != static_cast<Py_ssize_t>(R::kOutputs))
      throw ArgumentError{"out must be a tuple of " + std::to_string(R::kOutputs) + " arrays"};
    return PyTuple_GET_ITEM(given, static_cast<Py_ssize_t>(i));
  }

  template <size_t... I>
  void check_overlap(const Output& out, bool elementwise, std::index_sequence<I...>) {
    (
        [&] {
          std::get<I>(inputs_).visit([&](const Array& input, Access) {
            if (out.absent || (elementwise && same_view(input, out.view))) return;
            if (share_memory(input, out.view))
              throw ShapeError("out shares memory with an input; give it memory of its own");
          });
        }(),
        ...);
  }

  template <class Sequence>
  struct Slots;
  template <size_t... I>
  struct Slots<std::index_sequence<I...>> {
    using type = std::tuple<Slot<typename R::template At<I>>...>;
  };

  typename Slots<std::make_index_sequence<R::kInputs>>::type inputs_;
  std::array<Output, R::kOutputs> outputs_;
};

// The C++ exception in flight; nothing where it stands for a Python exception that is set.
std::optional<Fault> fault_in_flight(const std::string& kernel) {
  using enum Fault::Kind;
  try {
    throw;
  } catch (const PythonError&) {
    return std::nullopt;
  } catch (const ArgumentError& error) {
    return Fault{type, kernel + ": " + error.text};
  } catch (const DTypeError& error) {
    return Fault{type, kernel + ": " + error.what()};
  } catch (const IndexError& error) {
    return Fault{index, kernel + ": " + error.what()};
  } catch (const ShapeError& error) {
    return Fault{value, kernel + ": " + error.what()};
  } catch (const std::bad_alloc& error) {
    return Fault{memory, kernel + ": " + error.what()};
  } catch (const std::exception& error) {
    return Fault{runtime, kernel + ": " + error.what()};
  }
}

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

template <class K>
struct Kept final : KeptCall {
  explicit Kept(const std::string& kernel) : kernel_(kernel) {}

  std::optional<Fault> run() noexcept override {
    try {
      const KeptScope scope;
      call.run_kernel();
      return std::nullopt;
    } catch (...) {
      std::optional<Fault> fault = fault_in_flight(kernel_);
      if (!fault) fault = Fault{Fault::Kind::runtime, kernel_ + ": a Python exception"};  // which is set already
      return fault;
    }
  }

  void visit(See see, void* context) override {
    call.visit([&](Array& view, Access access) { see(context, view, access); });
  }

  bool needs_python() const override { return kKeptNeedsPython; }

#ifdef PE_FUSES
  bool describe(LoopSketch& sketch) override {
    sketch_into(&sketch);
    const std::optional<Fault> fault = run();
    sketch_into(nullptr);
    return !fault && sketch.loops == 1;
  }
#endif

  Call<K> call;

 private:
  const std::string& kernel_;  // the signature's, which lives as long as the process
};

void forget_kept(PyObject* capsule) { delete static_cast<KeptCall*>(PyCapsule_GetPointer(capsule, kKeptCallCapsule)); }

// Two Python functions for each kernel: one calls it, one also keeps the call. They live as long as the process, as
// extension modules do.
template <class K>
struct Function {
  static inline const Signature* signature;
  static inline PyMethodDef method, keep_method;
  static inline bool elementwise;

  static PyObject* call(PyObject*, PyObject* const* args, Py_ssize_t positional, PyObject* keywords) {
    if (!no_earlier_faults()) return nullptr;
    try {
      Call<K> call;
      make_ready(call, args, positional, keywords);
      call.run();
      return call.result();
    } catch (...) {
      return translate(signature->name());
    }
  }

  // Runs the kernel as `call` does and returns (its result, the call to be run again as a capsule).
  static PyObject* keep(PyObject*, PyObject* const* args, Py_ssize_t positional, PyObject* keywords) {
    if (!no_earlier_faults()) return nullptr;
    try {
      auto kept = std::make_unique<Kept<K>>(signature->name());
      make_ready(kept->call, args, positional, keywords);
      kept->call.run();
      PyObject* result = kept->call.result();
      kept->call.release();
      PyObject* capsule = PyCapsule_New(static_cast<KeptCall*>(kept.get()), kKeptCallCapsule, forget_kept);
      if (!capsule) throw PythonError{};
      kept.release();
      return Py_BuildValue("(NN)", result, capsule);
    } catch (...) {
      return translate(signature->name());
    }
  }

  static void add_to(pybind11::module_& module, pybind11::dict& keepers, const K& kernel) {
    signature = new Signature(kernel.name, kernel.signature, Call<K>::kHasOutputs);
    elementwise = kernel.elementwise;
    method = {kernel.name, as_method(call), METH_FASTCALL | METH_KEYWORDS, signature->documentation()};
    keep_method = {kernel.name, as_method(keep), METH_FASTCALL | METH_KEYWORDS, signature->documentation()};
    auto name = module.attr("__name__");
    const auto function = [&](PyMethodDef& made) {
      auto out = pybind11::reinterpret_steal<pybind11::object>(PyCFunction_NewEx(&made, module.ptr(), name.ptr()));
      if (!out) throw pybind11::error_already_set();
      return out;
    };
    module.attr(kernel.name) = function(method);
    keepers[kernel.name] = function(keep_method);
  }

 private:
  static void make_ready(Call<K>& call, PyObject* const* args, Py_ssize_t positional, PyObject* keywords) {
    PyObject* objects[kMaxParameters];
    signature->bind(args, positional, keywords, objects);
    call.parse(*signature, objects);
    if constexpr (Call<K>::kHasOutputs) {
      call.prepare(objects[Call<K>::kInputs], elementwise);
    } else {
      call.check();
    }
  }

  static PyCFunction as_method(PyObject* (*function)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*)) {
    return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
  }
};

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
  pe::for_each_kernel(
      [&](const auto& kernel) { Function<std::decay_t<decltype(kernel)>>::add_to(module, keepers, kernel); });
  module.attr("_keepers") = keepers;
}
