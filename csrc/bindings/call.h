// A call of a kernel: its arguments in slots, its outputs, and how it runs, the first time and, when it is kept, again.
//
// AnyCall holds all that is the same for every kernel. Call knows the types of the arguments and is compiled once for
// each type of kernel, however many kernels are of it.
#pragma once

#include <Python.h>

#include <array>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include "bindings/faults.h"
#include "bindings/outputs.h"
#include "bindings/slots.h"
#include "core/kept_call.h"
#include "fusion.h"

namespace pe::bindings {

class AnyCall : public KeptCall {
 public:
  void parse(const Signature& signature, PyObject* const* objects) {
    for (size_t i = 0; i < inputs_.size(); ++i)
      if (const char* expected = inputs_[i]->parse(objects[i]))
        throw ArgumentError{std::string(signature.parameter(i)) + " must be " + expected + ", not " +
                            Py_TYPE(objects[i])->tp_name};
  }

  // Makes the outputs that the output rule asks for, or checks those that the caller gave. `objects` as for parse(),
  // and behind them, where the kernel has outputs, None, an array, or for several outputs a tuple of arrays.
  virtual void prepare(PyObject* const* objects, bool elementwise) = 0;

  void run_first() {
    int64_t elements = 0;
    for_each_array([&](const Array& a, Access) { elements += a.size(); });
    const CallScope scope(elements);
    run_kernel();
  }

  PyObject* result() {
    if (outputs_.empty()) return Py_NewRef(Py_None);
    if (outputs_.size() == 1) return outputs_[0].take();
    PyObject* tuple = PyTuple_New(static_cast<Py_ssize_t>(outputs_.size()));
    if (!tuple) throw PythonError{};
    for (size_t i = 0; i < outputs_.size(); ++i)
      PyTuple_SET_ITEM(tuple, static_cast<Py_ssize_t>(i), outputs_[i].take());
    return tuple;
  }

  // Lets go of Python's objects: whoever keeps the call keeps the arrays.
  void release() {
    for (AnySlot* slot : inputs_) slot->release();
  }

  std::optional<Fault> run() noexcept override {
    try {
      const KeptScope scope;
      run_kernel();
      return std::nullopt;
    } catch (...) {
      std::optional<Fault> fault = fault_in_flight(kernel_);
      if (!fault) fault = Fault{Fault::Kind::runtime, kernel_ + ": a Python exception"};  // which is set already
      return fault;
    }
  }

  void visit(See see, void* context) override {
    for_each_array([&](Array& view, Access access) { see(context, view, access); });
  }

  bool needs_python() const override { return kKeptNeedsPython; }

  bool append_relu(void* out) override {
    if (outputs_.size() != 1 || !is_contiguous(outputs_[0].view)) return false;
    for (AnySlot* slot : inputs_) {
      if (!slot->append_relu()) continue;
      outputs_[0].view.data = out;
      return true;
    }
    return false;
  }

#ifdef PE_FUSES
  bool describe(LoopSketch& sketch) override {
    sketch_into(&sketch);
    const std::optional<Fault> fault = run();
    sketch_into(nullptr);
    return !fault && sketch.loops == 1;
  }
#endif

 protected:
  explicit AnyCall(const std::string& kernel) : kernel_(kernel) {}

  virtual void run_kernel() = 0;

  void make_outputs(const Spec* specs, PyObject* given, bool elementwise) {
    for (size_t i = 0; i < outputs_.size(); ++i) {
      if (given == Py_None) {
        outputs_[i].make(specs[i]);
      } else {
        outputs_[i].accept(outputs_.size() == 1 ? given : item(given, i), specs[i]);
        check_overlap(outputs_[i], elementwise);
      }
    }
  }

  std::span<AnySlot*> inputs_;
  std::span<Output> outputs_;

 private:
  // visit(view, access) for every array, arguments first.
  template <class Visit>
  void for_each_array(const Visit& visit) {
    for (AnySlot* slot : inputs_)
      for (Array& view : slot->arrays) visit(view, slot->access);
    for (Output& out : outputs_)
      if (!out.absent) visit(out.view, Access::write);
  }

  PyObject* item(PyObject* given, size_t i) const {
    if (!PyTuple_Check(given) || PyTuple_GET_SIZE(given) != static_cast<Py_ssize_t>(outputs_.size()))
      throw ArgumentError{"out must be a tuple of " + std::to_string(outputs_.size()) + " arrays"};
    return PyTuple_GET_ITEM(given, static_cast<Py_ssize_t>(i));
  }

  void check_overlap(const Output& out, bool elementwise) const {
    if (out.absent) return;
    for (const AnySlot* slot : inputs_)
      for (const Array& input : slot->arrays)
        if (!(elementwise && same_view(input, out.view)) && share_memory(input, out.view))
          throw ShapeError("out shares memory with an input; give it memory of its own");
  }

  const std::string& kernel_;  // the signature's, which lives as long as the process
};

// Argument I of a call.
template <size_t I, class Role>
struct Argument {
  Slot<std::remove_cvref_t<Role>> slot;
};

// The slots of a call. Base classes compile several times faster than a std::tuple.
template <class Indices, class... Role>
struct Slots;

template <size_t... I, class... Role>
struct Slots<std::index_sequence<I...>, Role...> : Argument<I, Role>... {
  AnySlot* pointers[sizeof...(I)] = {&static_cast<Argument<I, Role>*>(this)->slot...};

  template <class Function, class... Result>
  auto pass_to(Function function, const Result&... results) {
    return function(Argument<I, Role>::slot.value()..., results...);
  }
};

// What a kernel gets for an output, which is Out or OptOut.
struct Result {
  Output& output;
  operator Array&() const { return output.view; }
  operator Array*() const { return output.absent ? nullptr : &output.view; }
};

// A call of a kernel and an output rule of these types. The rule takes the kernel's inputs and attributes; what the
// kernel has beyond these, last, are its outputs.
template <class Kernel, class Rule>
class Call;

template <class... Parameter, class Specs, class... Role>
class Call<void (*)(Parameter...), Specs (*)(Role...)> final : public AnyCall {
 public:
  using Kernel = void (*)(Parameter...);
  using Rule = Specs (*)(Role...);
  static constexpr size_t kInputs = sizeof...(Role), kOutputs = sizeof...(Parameter) - kInputs;

  Call(const std::string& name, Kernel kernel, Rule rule) : AnyCall(name), kernel_(kernel), rule_(rule) {
    inputs_ = slots_.pointers;
    outputs_ = made_;
  }

  void prepare(PyObject* const* objects, bool elementwise) override {
    if constexpr (kOutputs == 0) {
      slots_.pass_to(rule_);
    } else if constexpr (kOutputs == 1) {
      const Spec spec = slots_.pass_to(rule_);
      make_outputs(&spec, objects[kInputs], elementwise);
    } else {
      const std::array<Spec, kOutputs> specs = slots_.pass_to(rule_);
      make_outputs(specs.data(), objects[kInputs], elementwise);
    }
  }

 private:
  void run_kernel() override { run_kernel(std::make_index_sequence<kOutputs>{}); }

  template <size_t... O>
  void run_kernel(std::index_sequence<O...>) {
    slots_.pass_to(kernel_, Result{made_[O]}...);
  }

  Kernel kernel_;
  Rule rule_;
  Slots<std::make_index_sequence<kInputs>, Role...> slots_;
  std::array<Output, kOutputs> made_;
};

}  // namespace pe::bindings
