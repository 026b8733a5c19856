#include <bit>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "check/check.h"

namespace pe::check {
namespace {

// float16 by its definition: sign, 5 bits of exponent with bias 15, 10 bits of fraction.
double half_value(uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double sign = bits & 0x8000 ? -1 : 1;
  if (exponent == 31) return fraction ? std::nan("") : sign * INFINITY;
  return sign * (exponent ? std::ldexp(1024 + fraction, exponent - 25) : std::ldexp(fraction, -24));
}

// Of whole numbers up to 2048, which float16 holds exactly.
uint16_t half_bits(double value) {
  if (value == 0) return 0;
  int exponent;
  const double fraction = std::frexp(std::fabs(value), &exponent);
  return static_cast<uint16_t>((value < 0 ? 0x8000 : 0) | (exponent + 14) << 10 |
                               (static_cast<int>(std::ldexp(fraction, 11)) & 1023));
}

// bfloat16 is the upper half of a float32; whole numbers up to 256 have nothing in the lower.
float bfloat16_value(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }
uint16_t bfloat16_bits(double value) {
  return static_cast<uint16_t>(std::bit_cast<uint32_t>(static_cast<float>(value)) >> 16);
}

}  // namespace

double read(DType dtype, const void* p) {
  switch (dtype) {
    case DType::f32:
      return *static_cast<const float*>(p);
    case DType::f64:
      return *static_cast<const double*>(p);
    case DType::f16:
      return half_value(*static_cast<const uint16_t*>(p));
    case DType::bf16:
      return bfloat16_value(*static_cast<const uint16_t*>(p));
    case DType::i64:
      return static_cast<double>(*static_cast<const int64_t*>(p));
    case DType::i32:
      return *static_cast<const int32_t*>(p);
    case DType::u8:
    case DType::b8:
      return *static_cast<const uint8_t*>(p);
  }
  return 0;
}

void write(DType dtype, void* p, double value) {
  switch (dtype) {
    case DType::f32:
      *static_cast<float*>(p) = static_cast<float>(value);
      return;
    case DType::f64:
      *static_cast<double*>(p) = value;
      return;
    case DType::f16:
      *static_cast<uint16_t*>(p) = half_bits(value);
      return;
    case DType::bf16:
      *static_cast<uint16_t*>(p) = bfloat16_bits(value);
      return;
    case DType::i64:
      *static_cast<int64_t*>(p) = static_cast<int64_t>(value);
      return;
    case DType::i32:
      *static_cast<int32_t*>(p) = static_cast<int32_t>(value);
      return;
    case DType::u8:
      *static_cast<uint8_t*>(p) = static_cast<uint8_t>(value);
      return;
    case DType::b8:
      *static_cast<uint8_t*>(p) = value != 0;
      return;
  }
}

std::byte* element(const Array& a, std::span<const int64_t> index) {
  int64_t offset = 0;
  for (int i = 0; i < a.ndim; ++i) offset += index[static_cast<size_t>(i)] * a.strides[i];
  return a.as<std::byte>() + offset * itemsize(a.dtype);
}

const char* name(Layout layout) {
  constexpr const char* names[] = {"rows", "transposed", "gaps", "backwards", "repeated"};
  return names[static_cast<int>(layout)];
}

Tensor::Tensor(DType type, const Shape& sizes, Layout layout) {
  dtype = type;
  ndim = static_cast<int>(sizes.size());
  int64_t span = 1;  // elements from the first to behind the last
  bool repeat = layout == Layout::repeated;
  for (int step = 0; step < ndim; ++step) {
    const int axis = layout == Layout::transposed ? step : ndim - 1 - step;
    shape[axis] = sizes[static_cast<size_t>(axis)];
    strides[axis] = layout == Layout::gaps ? 2 * span : span;
    span = 1 + std::max<int64_t>(shape[axis] - 1, 0) * strides[axis] + (span - 1);
  }
  int64_t start = 0;
  for (int axis = 0; axis < ndim; ++axis) {
    if (layout == Layout::backwards) {
      start += std::max<int64_t>(shape[axis] - 1, 0) * strides[axis];
      strides[axis] = -strides[axis];
    }
    if (repeat && shape[axis] > 1) {
      span -= (shape[axis] - 1) * strides[axis];
      strides[axis] = 0;
      repeat = false;
    }
  }
  bytes_ = size() == 0 ? 0 : static_cast<size_t>(span * itemsize(dtype));
  memory_ = std::make_unique<std::byte[]>(bytes_);
  data = memory_.get() + start * itemsize(dtype) * (bytes_ != 0);
}

Tensor& Tensor::fill(uint64_t seed, int low, int high) {
  uint64_t state = seed * 0x9E3779B97F4A7C15u + 1;
  return fill([&](int64_t) {
    state = state * 6364136223846793005u + 1442695040888963407u;  // Knuth's linear congruential generator
    return low + static_cast<double>((state >> 33) % static_cast<uint64_t>(high - low + 1));
  });
}

void Tensor::poison() { std::memset(memory_.get(), 0xFF, bytes_); }

std::vector<double> Tensor::values() const {
  std::vector<double> all;
  all.reserve(static_cast<size_t>(size()));
  for_each_index(shape_of(*this),
                 [&](std::span<const int64_t> index) { all.push_back(read(dtype, element(*this, index))); });
  return all;
}

uint64_t Tensor::bits() const {
  uint64_t hash = 14695981039346656037u;  // FNV-1a
  for_each_index(shape_of(*this), [&](std::span<const int64_t> index) {
    const std::byte* p = element(*this, index);
    for (int64_t i = 0; i < itemsize(dtype); ++i) hash = (hash ^ static_cast<uint64_t>(p[i])) * 1099511628211u;
  });
  return hash;
}

double at(const Array& a, std::span<const int64_t> index) {
  int64_t offset = 0;
  const size_t extra = index.size() - static_cast<size_t>(a.ndim);
  for (int i = 0; i < a.ndim; ++i)
    if (a.shape[i] != 1) offset += index[extra + static_cast<size_t>(i)] * a.strides[i];
  return read(a.dtype, a.as<std::byte>() + offset * itemsize(a.dtype));
}

Ints ints(const Shape& values) {
  Ints result;
  for (int64_t value : values) result.values[result.count++] = value;
  return result;
}

}  // namespace pe::check
