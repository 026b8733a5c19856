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
using Values = std::vector<double>;  // of all elements, in row-major order of the indices

// How a tensor lies in memory. `repeated` has stride 0 along its first axis of more than one element: inputs only.
enum class Layout { rows, transposed, gaps, backwards, repeated };
inline constexpr Layout kInputLayouts[] = {Layout::rows, Layout::transposed, Layout::gaps, Layout::backwards,
                                           Layout::repeated};
inline constexpr Layout kOutputLayouts[] = {Layout::rows, Layout::transposed, Layout::backwards};
const char* name(Layout layout);
inline std::string describe(const Array& a, Layout layout) { return pe::describe(a) + " " + name(layout); }
using pe::describe;

inline constexpr DType kFloats[] = {DType::f32, DType::f64};
inline constexpr DType kNumbers[] = {DType::f32, DType::f64, DType::i64};
inline constexpr DType kAllTypes[] = {DType::f32, DType::f64, DType::f16, DType::bf16,
                                      DType::i64, DType::i32, DType::u8,  DType::b8};

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

  Values values() const;
  uint64_t bits() const;  // a hash of all elements' bits in row-major order

 private:
  std::unique_ptr<std::byte[]> memory_;
  size_t bytes_ = 0;
};

double read(DType dtype, const void* element);
void write(DType dtype, void* element, double value);  // of whole numbers up to 2048 for float16, 256 for bfloat16
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

// The tolerance, relative to max(1, |want|), for results of exp, log and division over sums of at most some thousand
// terms: 16 units in the last place. Expected values are summed in long double, so that it is the kernel's alone.
// Everything else is compared exactly.
inline double rounding(DType dtype) { return dtype == DType::f32 ? 0x1p-19 : 0x1p-48; }

// Large shapes are there for the borders between blocks of work, and two layouts have all of them.
inline bool too_many(const Shape& shape, Layout layout) {
  int64_t size = 1;
  for (int64_t n : shape) size *= n;
  return size > 10000 && layout != Layout::rows && layout != Layout::transposed;
}

// One pass over all checks with a fixed number of threads. The first pass of a process compares every result with the
// expected values and notes its bits; the others must find the same bits.
class Report {
 public:
  using Expected = std::function<Values()>;

  Report(std::string title, const std::vector<uint64_t>* bits) : title_(std::move(title)), earlier_(bits) {}

  // Runs `call` on a poisoned output: |out - want()| <= tolerance * max(1, |want()|), a NaN only where one is wanted.
  void expect(const std::string& what, Tensor& out, const Expected& want, double tolerance,
              const std::function<void()>& call);
  // The same, of something that was computed already.
  void compare(const std::string& what, const Tensor& got, const Expected& want, double tolerance);
  // `call` must throw a ShapeError or DTypeError.
  void expect_refusal(const std::string& what, const std::function<void()>& call);
  void fail(const std::string& what);

  int64_t cases() const { return static_cast<int64_t>(bits_.size()); }
  int failures() const { return failures_; }
  const std::vector<uint64_t>& bits() const { return bits_; }

 private:
  std::string title_;
  const std::vector<uint64_t>* earlier_;  // nullptr in the first pass
  std::vector<uint64_t> bits_;
  int failures_ = 0;
};

// Puts the check of a kernel, or of what is no kernel, on the program's list: `const Registered kSum{"sum",
// check_sum};` ends a family's file.
struct Registered {
  Registered(const char* kernel, void (*run)(Report& report));
};

}  // namespace pe::check
