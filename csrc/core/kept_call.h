// A kernel call whose arguments were parsed already: it runs again and again without Python.
//
// The bindings of each kernel module make them, a Plan (core/plan.h) runs them. They meet across shared objects, so
// errors travel as values: an exception thrown in one need not be known by its type in another.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/element_loop.h"

namespace pe {

// What went wrong in a kernel, and as which Python exception it is raised.
struct Fault {
  enum class Kind : uint8_t { type, value, index, memory, runtime };
  Kind kind = Kind::runtime;
  std::string text;
};

// What a call does with an array. An update reads before it writes, as an optimizer's step does.
enum class Access : uint8_t { read, write, update };

class KeptCall {
 public:
  using See = void (*)(void* context, Array& view, Access access);

  KeptCall() = default;
  KeptCall(const KeptCall&) = delete;
  KeptCall& operator=(const KeptCall&) = delete;
  virtual ~KeptCall() = default;

  virtual std::optional<Fault> run() noexcept = 0;
  // Every array of the call, arguments first: the same objects each time. `see` may change where their elements lie.
  virtual void visit(See see, void* context) = 0;
  virtual bool needs_python() const = 0;  // whether run() must hold the interpreter's lock

  // Where the call is one loop over elements, that loop, without running it; false where it is none. A call that
  // is none may be run.
  virtual bool describe(LoopSketch&) { return false; }

  // Where the kernel can end with an activation and has none yet: it ends with relu from now on, and its result, which
  // is contiguous, goes to `out`. False where it cannot.
  virtual bool append_relu(void*) { return false; }
};

inline constexpr const char* kKeptCallCapsule = "pyengine.kept_call.1";

}  // namespace pe
