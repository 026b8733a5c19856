// concat: each array copied to its part of the output; tril, triu: each row of a matrix copied up to, or from, the
// diagonal, and 0 elsewhere. Moves every element once: the speed of memory is the limit.
#include "kernels/join.h"

#include <algorithm>

#include "core/parallel.h"
#include "cpu/gather.h"
#include "cpu/rows.h"
#include "kernels/copy.h"

namespace pe {

namespace {

// Columns [begin, end) of row i are kept, where the kernel's rule says so.
template <class Item, class Kept>
void keep_parts(In a, Out out, Kept kept) {
  const Rows<const Item> from(a);
  const Rows<Item> to(out);
  const int64_t height = a.shape[a.ndim - 2], n = to.length;
  constexpr int64_t kSize = sizeof(Item), kTask = 32768;
  const auto bytes = [](auto* p) { return reinterpret_cast<char*>(const_cast<Item*>(p)); };
  parallel_ranges(to.count, std::max<int64_t>(1, kTask / n), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      const auto [begin, end] = kept(row % height);
      Item* y = to[row];
      for (int64_t j = 0; j < begin; ++j) y[j * to.stride] = 0;
      cpu::copy_run(bytes(y + begin * to.stride), to.stride * kSize, bytes(from[row] + begin * from.stride),
                    from.stride * kSize, end - begin, kSize);
      for (int64_t j = end; j < n; ++j) y[j * to.stride] = 0;
    }
  });
}

template <class Kept>
void triangle(In a, Out out, Kept kept) {
  if (out.size() == 0) return;
  switch (itemsize(a.dtype)) {
    case 1:
      return keep_parts<uint8_t>(a, out, kept);
    case 2:
      return keep_parts<uint16_t>(a, out, kept);
    case 4:
      return keep_parts<uint32_t>(a, out, kept);
    default:
      return keep_parts<uint64_t>(a, out, kept);
  }
}

}  // namespace

void concat(InList arrays, const Ints& axis, Out out) {
  const auto along = static_cast<int>(axis.values[0] < 0 ? axis.values[0] + out.ndim : axis.values[0]);
  Array part = out;
  for (const Array& a : arrays) {
    part.shape[along] = a.shape[along];
    copy(a, a.dtype, part);
    part.data = part.as<char>() + a.shape[along] * out.strides[along] * itemsize(out.dtype);
  }
}

void tril(In a, const Ints& diagonal, Out out) {
  const int64_t n = a.shape[a.ndim - 1], shift = std::clamp(diagonal.values[0], -a.shape[a.ndim - 2], n);
  triangle(a, out, [=](int64_t i) { return std::pair(int64_t{0}, std::clamp(i + shift + 1, int64_t{0}, n)); });
}

void triu(In a, const Ints& diagonal, Out out) {
  const int64_t n = a.shape[a.ndim - 1], shift = std::clamp(diagonal.values[0], -a.shape[a.ndim - 2], n);
  triangle(a, out, [=](int64_t i) { return std::pair(std::clamp(i + shift, int64_t{0}, n), n); });
}

}  // namespace pe
