// What a kernel sees of a tensor: where the data lies and how to walk it. Owns nothing.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>

namespace pe {

inline constexpr int kMaxDims = 8;

enum class DType : uint8_t { f32, f64, f16, bf16, i64, i32, u8, b8 };

inline constexpr int64_t itemsize(DType dtype) {
  constexpr int64_t sizes[] = {4, 8, 2, 2, 8, 4, 1, 1};
  return sizes[static_cast<int>(dtype)];
}

const char* name(DType dtype);

struct Array {
  void* data = nullptr;
  DType dtype = DType::f32;
  int ndim = 0;
  int64_t shape[kMaxDims];
  int64_t strides[kMaxDims];  // in elements; 0 repeats, negative walks backwards

  int64_t size() const {
    int64_t n = 1;
    for (int i = 0; i < ndim; ++i) n *= shape[i];
    return n;
  }

  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }
};

// A shape and a dtype with no memory behind them: what a kernel's output rule returns.
struct Spec {
  DType dtype = DType::f32;
  int ndim = 0;
  int64_t shape[kMaxDims] = {};
  bool absent = false;  // an optional output that this call does not make
};

// How kernel signatures name their parameters; bindings.cpp reads the roles from these types.
using In = const Array&;
using OptIn = const Array*;             // nullptr where Python passed None
using Out = Array&;                     // given by the caller, or allocated by the binding from the output rule
using OptOut = Array*;                  // nullptr where the output rule said absent
using InList = std::span<const Array>;  // one call over many arrays: the optimizers
struct InOutList : std::span<Array> {   // read and written in place
  using std::span<Array>::span;
};

// A shape or a set of axes; `none` where Python passed None.
struct Ints {
  int count = 0;
  bool none = false;
  int64_t values[kMaxDims] = {};
};

enum class Activation : uint8_t { none, relu };

// Errors of a kernel's own checks. The binding turns them into Python's ValueError, TypeError and IndexError;
// `infer` of the op record words what the user reads.
struct ShapeError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};
struct DTypeError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};
struct IndexError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

std::string describe(const Array& a);                        // "float32(64, 10)"
std::string describe_shape(const int64_t* shape, int ndim);  // "(64, 10)"

// True where the elements lie in one block in row-major order (axes of length 1 may have any stride).
inline bool is_contiguous(const Array& a) {
  int64_t expected = 1;
  for (int i = a.ndim - 1; i >= 0; --i) {
    if (a.shape[i] != 1 && a.strides[i] != expected) return false;
    expected *= a.shape[i];
  }
  return true;
}

}  // namespace pe
