// From the dtype of an array to a type: by_float("softmax", x.dtype, [&](auto type) { run<TypeOf<decltype(type)>>(…);
// }).
#pragma once

#include <string>
#include <type_traits>

#include "core/array.h"

namespace pe {

template <class T>
struct Type {
  using type = T;
};
template <class Tag>
using TypeOf = typename Tag::type;

// Apart from the templates below, which are compiled for every kernel.
[[noreturn, gnu::noinline]] inline void refuse_dtype(const char* kernel, const char* taken, DType dtype) {
  throw DTypeError(std::string(kernel) + ": needs " + taken + ", not " + name(dtype));
}

// run(Type<T>{}) with T float or double.
template <class Run>
void by_float(const char* kernel, DType dtype, Run&& run) {
  switch (dtype) {
    case DType::f32:
      return run(Type<float>{});
    case DType::f64:
      return run(Type<double>{});
    default:
      refuse_dtype(kernel, "float32 or float64", dtype);
  }
}

// These and int64, as uint64_t where kWraps: the overflow of that wraps by definition.
template <bool kWraps = true, class Run>
void by_number(const char* kernel, DType dtype, Run&& run) {
  if (dtype == DType::i64) return run(Type<std::conditional_t<kWraps, uint64_t, int64_t>>{});
  if (dtype != DType::f32 && dtype != DType::f64) refuse_dtype(kernel, "float32, float64 or int64", dtype);
  by_float(kernel, dtype, run);
}

// An unsigned integer of so many bytes: for kernels that only move elements.
template <class Run>
void by_size(int64_t bytes, Run&& run) {
  switch (bytes) {
    case 1:
      return run(Type<uint8_t>{});
    case 2:
      return run(Type<uint16_t>{});
    case 4:
      return run(Type<uint32_t>{});
    default:
      return run(Type<uint64_t>{});
  }
}

}  // namespace pe
