// What the checks of csrc/check share: tensors in every layout, expected values, and the report.
//
// A tensor's memory ends exactly where its last element does, so that AddressSanitizer sees every stray access. All
// expected values are computed in double by plain loops over logical indices; inputs are small whole numbers wherever
// the exact result is representable, and the comparison is then exact.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels.h"

namespace pe::check {

using Shape = std::vector<int64_t>;

// How a tensor lies in memory. `repeated` has stride 0 along its first axis of more than one element: inputs only.
enum class Layout { rows, transposed, gaps, backwards, repeated };
inline constexpr Layout kInputLayouts[] = {Layout::rows, Layout::transposed, Layout::gaps, Layout::backwards,
                                           Layout::repeated};
inline constexpr Layout kOutputLayouts[] = {Layout::rows, Layout::transposed, Layout::backwards};
const char* name(Layout layout);

inline constexpr DType kFloats[] = {DType::f32, DType::f64};
inline constexpr DType kNumbers[] = {DType::f32, DType::f64, DType::i64};
inline constexpr DType kAllTypes[] = {DType::f32, DType::f64, DType::f16, DType::i64, DType::i32, DType::u8, DType::b8};

class Tensor : public Array {
 public:
  Tensor(DType type, const Shape& sizes, Layout layout = Layout::rows);
  explicit Tensor(const Spec& spec, Layout layout = Layout::rows)
      : Tensor(spec.dtype, Shape(spec.shape, spec.shape + spec.ndim), layout) {}

  // Whole numbers from low to high in an order that looks random and depends on `seed` only.
  Tensor& fill(uint64_t seed, int low, int high);
  template <class Value>
  Tensor& fill(const Value& value);  // value(row-major position)
  void poison();                     // every byte 0xFF: NaN in floats

  std::vector<double> values() const;  // in row-major order of the indices, whatever the layout
  uint64_t bits() const;               // a hash of all elements' bits in that order

 private:
  std::unique_ptr<std::byte[]> memory_;
  size_t bytes_ = 0;
};

double read(DType dtype, const void* element);
void write(DType dtype, void* element, double value);  // of whole numbers up to 2048 where dtype is float16
std::byte* element(const Array& a, std::span<const int64_t> index);

// visit(index) for all indices of a shape in row-major order.
template <class Visit>
void for_each_index(std::span<const int64_t> sizes, const Visit& visit) {
  for (int64_t size : sizes)
    if (size == 0) return;
  int64_t index[kMaxDims] = {};
  while (true) {
    visit(std::span<const int64_t>(index, sizes.size()));
    size_t axis = sizes.size();
    while (axis > 0 && ++index[axis - 1] == sizes[axis - 1]) index[--axis] = 0;
    if (axis == 0) return;
  }
}

inline std::span<const int64_t> shape_of(const Array& a) { return {a.shape, static_cast<size_t>(a.ndim)}; }

template <class Value>
Tensor& Tensor::fill(const Value& value) {
  int64_t position = 0;
  for_each_index(shape_of(*this),
                 [&](std::span<const int64_t> index) { write(dtype, element(*this, index), value(position++)); });
  return *this;
}

// The element of `a` at an index of the shape that `a` broadcasts to.
double at(const Array& a, std::span<const int64_t> index);

Ints ints(const Shape& values);

// For results of exp, log and division over sums of at most some thousand terms, relative to max(1, |want|): 16 units
// in the last place of float32, 32 of float64. Everything else is compared exactly.
inline double tolerance_of(DType dtype) { return dtype == DType::f32 ? 0x1p-19 : 0x1p-47; }

// One pass over all checks with a fixed number of threads. The first pass of a process notes the bits of every result,
// the others must find the same.
class Report {
 public:
  Report(std::string title, const std::vector<uint64_t>* bits) : title_(std::move(title)), earlier_(bits) {}

  // Runs `call` on a poisoned output and compares with `want`: |got - want| <= tolerance * max(1, |want|), a NaN only
  // where a NaN is wanted. All passes must give the same bits.
  void expect(const std::string& what, Tensor& out, const std::vector<double>& want, double tolerance,
              const std::function<void()>& call);
  // `call` must throw a ShapeError or DTypeError.
  void expect_refusal(const std::string& what, const std::function<void()>& call);
  void fail(const std::string& what);

  // Where values were updated in place: what expect does, without running anything.
  void compare(const std::string& what, const Tensor& got, const std::vector<double>& want, double tolerance);

  int64_t cases() const { return static_cast<int64_t>(bits_.size()); }
  int failures() const { return failures_; }
  const std::vector<uint64_t>& bits() const { return bits_; }

 private:
  std::string title_;
  const std::vector<uint64_t>* earlier_;  // nullptr in the first pass
  std::vector<uint64_t> bits_;
  int failures_ = 0;
};

struct Check {
  const char* kernel;  // the name in for_each_kernel
  void (*run)(Report& report);
};

// Puts a check on the program's list: `const Registered registered{{"name", check_function}};` at the end of a file.
struct Registered {
  explicit Registered(Check check);
};

}  // namespace pe::check
