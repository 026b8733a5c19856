// One functor of the elementwise engine on the dtypes that a kernel computes in.
#pragma once

#include <string>

#include "cpu/elementwise.h"

namespace pe::cpu {

template <class T, class>
using Repeat = T;

// float32 and float64, inputs and output alike.
template <class F, class... Ins>
void floats(const char* kernel, const F& f, Out out, const Ins&... ins) {
  switch (out.dtype) {
    case DType::f32:
      return elementwise<float, Repeat<float, Ins>...>(f, out, ins...);
    case DType::f64:
      return elementwise<double, Repeat<double, Ins>...>(f, out, ins...);
    default:
      throw DTypeError(std::string(kernel) + ": needs float32 or float64, not " + name(out.dtype));
  }
}

// These and int64, as uint64: its overflow wraps by definition.
template <class F, class... Ins>
void numbers(const char* kernel, const F& f, Out out, const Ins&... ins) {
  if (out.dtype == DType::i64) return elementwise<uint64_t, Repeat<uint64_t, Ins>...>(f, out, ins...);
  floats(kernel, f, out, ins...);
}

}  // namespace pe::cpu
