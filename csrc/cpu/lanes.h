// Vectors of N lanes for any element type, so that inputs and outputs of different widths can go through one loop.
//
// Vec<T> fills a register; Lanes<T, N> has as many lanes as the widest operand of a kernel allows, and may be shorter.
#pragma once

#include <bit>
#include <cstring>
#include <type_traits>
#include <utility>

#include "core/array.h"
#include "core/vec.h"

namespace pe::cpu {

template <class T, int N>
struct LanesOf {
  typedef T type __attribute__((vector_size(sizeof(T) * N)));
  typedef T unaligned __attribute__((vector_size(sizeof(T) * N), may_alias, aligned(1)));
};

template <class T, int N>
using Lanes = typename LanesOf<T, N>::type;

// Tags of element types that are not what they are stored as.
struct Bool {};  // one byte, 0 or 1; in a kernel's arithmetic a mask, all bits of a lane set or none

template <class T>
struct StoredAs {
  using type = T;
};
template <>
struct StoredAs<Bool> {
  using type = uint8_t;
};
template <class T>
using Stored = typename StoredAs<T>::type;

template <size_t kBytes>
using SignedOf =
    std::conditional_t<kBytes == 1, int8_t,
                       std::conditional_t<kBytes == 2, int16_t, std::conditional_t<kBytes == 4, int32_t, int64_t>>>;

namespace detail {

// Masks and bytes by shuffles of bytes: the compilers' own conversions between such widths go lane by lane.

// Byte i / kWidth of v in byte i. The N bytes are first copied all over, so that the shuffle stays within 16 bytes.
template <int kWidth, int N, size_t... i>
inline auto repeat_bytes(Lanes<uint8_t, N> v, std::index_sequence<i...>) {
  if constexpr (N <= 8) {
    using Unit = std::make_unsigned_t<SignedOf<N>>;
    const auto copies = std::bit_cast<Lanes<uint8_t, N * kWidth>>(std::bit_cast<Unit>(v) - Lanes<Unit, kWidth>{});
    return __builtin_shufflevector(copies, copies, (i / 16 * 16 + i / kWidth)...);
  } else {
    return __builtin_shufflevector(v, v, (i / kWidth)...);
  }
}

template <int kWidth, class V, size_t... i>
inline auto every_byte(V v, std::index_sequence<i...>) {
  return __builtin_shufflevector(v, v, (i * kWidth)...);
}

}  // namespace detail

// How a kernel with lanes of `kWidth` bytes sees N elements of T: as numbers, or for Bool as a mask of that width.
template <class T, int N, int kWidth>
inline auto from_stored(Lanes<Stored<T>, N> raw) {
  if constexpr (std::is_same_v<T, Bool>) {
    const auto bytes = detail::repeat_bytes<kWidth, N>(raw, std::make_index_sequence<N * kWidth>{});
    return std::bit_cast<Lanes<SignedOf<kWidth>, N>>(bytes) != 0;
  } else {
    return raw;
  }
}

template <class T, int N, class Result>
inline Lanes<Stored<T>, N> to_stored(Result result) {
  if constexpr (std::is_same_v<T, Bool>) {
    const auto bytes = std::bit_cast<Lanes<uint8_t, sizeof(result)>>(result);
    return detail::every_byte<sizeof(result) / N>(bytes, std::make_index_sequence<N>{}) & 1;
  } else {
    return result;
  }
}

// From and to memory of any alignment.
template <class T, int N>
inline Lanes<T, N> load_lanes(const void* p) {
  return *static_cast<const typename LanesOf<T, N>::unaligned*>(p);
}

template <class T, int N>
inline void store_lanes(void* p, Lanes<T, N> v) {
  *static_cast<typename LanesOf<T, N>::unaligned*>(p) = v;
}

// The first `count` < N lanes from memory, the others 0.
template <class T, int N>
inline Lanes<T, N> load_some(const T* p, int64_t count) {
  Lanes<T, N> v{};
  std::memcpy(&v, p, static_cast<size_t>(count) * sizeof(T));
  return v;
}

namespace detail {

template <class V, size_t... i>
inline V lane_numbers(std::index_sequence<i...>) {
  return V{static_cast<std::remove_cvref_t<decltype(V{}[0])>>(i)...};
}

}  // namespace detail

// `v` with its first `count` lanes replaced by those of `other`.
template <class T, int N>
inline Lanes<T, N> replace_first(Lanes<T, N> v, Lanes<T, N> other, int64_t count) {
  using Number = SignedOf<sizeof(T)>;
  const auto numbers = detail::lane_numbers<Lanes<Number, N>>(std::make_index_sequence<N>{});
  return select(numbers < static_cast<Number>(count), other, v);
}

}  // namespace pe::cpu
