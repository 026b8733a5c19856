// What every elementwise kernel of arrays alone is put through: the same bits in every layout, and in all passes of the
// program. That its values are right is tested against the reference from Python.
#pragma once

#include <string>
#include <type_traits>
#include <utility>

#include "check/check.h"

namespace pe::check {

template <class Function>
inline constexpr int kArrayInputs = -1;  // a function that takes more than arrays
template <>
inline constexpr int kArrayInputs<void (*)(In, Out)> = 1;
template <>
inline constexpr int kArrayInputs<void (*)(In, In, Out)> = 2;
template <>
inline constexpr int kArrayInputs<void (*)(In, In, In, Out)> = 3;

template <class K>
struct Generic;

template <auto kKernel, auto kRule>
struct Generic<Kernel<kKernel, kRule>> {
  static constexpr int kInputs = kArrayInputs<decltype(kKernel)>;
  static inline const char* name;
  static inline bool alone = true;  // the kernel has no check of its own

  static void run(Report& report) {
    bool accepted = false;
    for (DType dtype : kAllTypes)
      for (const Shape& shape : {Shape{}, Shape{0, 3}, Shape{17}, Shape{5, 9}, Shape{3, 4, 5}, Shape{40001}})
        accepted |= run(report, dtype, shape, std::make_index_sequence<kInputs>{});
    if (!accepted && alone) report.fail(std::string(name) + ": takes nothing that the generic check tries");
  }

 private:
  static Tensor filled(size_t input, DType dtype, const Shape& shape, Layout layout) {
    Tensor tensor(dtype, shape, layout);
    tensor.fill(input + 1, 1, 9);
    return tensor;
  }

  template <size_t... I>
  static bool run(Report& report, DType dtype, const Shape& shape, std::index_sequence<I...>) {
    Tensor plain[] = {filled(I, dtype, shape, Layout::rows)...};
    Spec spec;
    try {
      spec = kRule(plain[I]...);
    } catch (const DTypeError&) {
      return false;
    } catch (const ShapeError&) {  // an input with a shape of its own, such as a generator's state
      return false;
    }
    Tensor first(spec);
    kKernel(plain[I]..., first);
    for (Layout layout : {Layout::rows, Layout::transposed, Layout::gaps, Layout::backwards}) {
      Tensor inputs[] = {filled(I, dtype, shape, I == 0 ? layout : Layout::rows)...};
      Tensor out(spec, layout == Layout::gaps ? Layout::rows : layout);
      report.expect(
          std::string(name) + " " + describe(inputs[0], layout), out, [&] { return first.values(); }, 0,
          [&] { kKernel(inputs[I]..., out); });
    }
    return true;
  }
};

}  // namespace pe::check
