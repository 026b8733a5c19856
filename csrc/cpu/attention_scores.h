// One block of scores, turned over: s[key][query] for the keys of a block and the queries of a panel; with the mask,
// with what causality cuts off, and the factors of dropout.
#pragma once

#include <cmath>
#include <limits>

#include "core/array.h"
#include "cpu/attention_products.h"
#include "cpu/philox.h"

namespace pe::attention_cpu {

inline constexpr int64_t kKeys = 48;  // of a block: a multiple of MR; keys and values of 64 floats take 24 KiB

template <class T>
inline constexpr T kNever = -std::numeric_limits<T>::infinity();  // the score of a key that takes no part

// One head of an operand: [batch, heads, rows, columns] with any strides.
template <class T>
Strip<T> head_of(In a, int64_t batch, int64_t head) {
  return {a.as<const T>() + batch * a.strides[0] + head * a.strides[1], a.strides[2], a.strides[3]};
}

template <class T>
Strip<T> from_row(Strip<T> strip, int64_t row) {
  return {strip.data + row * strip.row, strip.row, strip.column};
}

// What all heads have in common.
struct Shape {
  int64_t batch, heads, groups, t, s, d, e;
  Shape(In query, In key, In value)
      : batch(query.shape[0]),
        heads(query.shape[1]),
        groups(key.shape[1]),
        t(query.shape[2]),
        s(key.shape[2]),
        d(query.shape[3]),
        e(value.shape[3]) {}
};

// A mask's numbers or bools for one head; nothing where there is no mask.
template <class T>
struct HeadMask {
  const T* added = nullptr;
  const bool* chosen = nullptr;
  int64_t row = 0, column = 0;

  HeadMask(OptIn mask, int64_t batch, int64_t head) {
    if (!mask) return;
    const auto stride = [&](int axis) {  // of axis 0 … 3 of the scores
      const int i = axis - 4 + mask->ndim;
      return i < 0 || mask->shape[i] == 1 ? 0 : mask->strides[i];
    };
    const int64_t start = batch * stride(0) + head * stride(1);
    row = stride(2), column = stride(3);
    if (mask->dtype == DType::b8)
      chosen = mask->as<const bool>() + start;
    else
      added = mask->as<const T>() + start;
  }
};

// For queries `query` … of a panel (`lanes` of them, the first of `width`) and keys `key` … key + count.
struct Block {
  int64_t query, lanes, width, key, count;
};

template <class T>
void add_mask(const HeadMask<T>& mask, const Block& at, T* s, int64_t s_row) {
  T tile[kKeys * NR<T> + kLanes<T>];
  gemm::pack_panel<T, NR<T>>(mask.added + at.query * mask.row + at.key * mask.column, mask.row, mask.column, at.lanes,
                             at.count, tile);
  for (int64_t j = 0; j < at.count; ++j)
    for (int64_t i = 0; i < at.width; i += kLanes<T>)
      store(s + j * s_row + i, load(s + j * s_row + i) + load(tile + j * NR<T> + i));
}

template <class T>
void choose_keys(const HeadMask<T>& mask, const Block& at, T* s, int64_t s_row) {
  const bool* from = mask.chosen + at.query * mask.row + at.key * mask.column;
  for (int64_t j = 0; j < at.count; ++j, from += mask.column) {
    T* row = s + j * s_row;
    if (mask.row == 0) {
      if (!*from) std::fill(row, row + at.width, kNever<T>);
      continue;
    }
    for (int64_t i = 0; i < at.lanes; ++i) row[i] = from[i * mask.row] ? row[i] : kNever<T>;
  }
}

template <class T>
void cut_later_keys(const Block& at, T* s, int64_t s_row) {
  T numbers[kLanes<T>];
  for (int i = 0; i < kLanes<T>; ++i) numbers[i] = static_cast<T>(i);
  for (int64_t j = std::max<int64_t>(0, at.query - at.key); j < at.count; ++j)
    for (int64_t i = 0; i < at.width; i += kLanes<T>) {
      const auto later = load(numbers) < static_cast<T>(at.key + j - at.query - i);
      store(s + j * s_row + i, select(later, splat(kNever<T>), load(s + j * s_row + i)));
    }
}

// `queries` is a packed panel, scaled already; `keys` are those of the block.
template <class T>
void make_scores(const Block& at, int64_t d, const T* queries, Strip<T> keys, const HeadMask<T>& mask, bool causal,
                 T* s, int64_t s_row) {
  multiply(at.count, at.width, d, keys, queries, NR<T>, s, s_row, false);
  if (mask.added) add_mask(mask, at, s, s_row);
  if (mask.chosen) choose_keys(mask, at, s, s_row);
  if (causal) cut_later_keys(at, s, s_row);
}

// How many of `count` keys from `key` on a panel's queries, up to `last`, may see: whole tiles of them.
inline int64_t seen_keys(bool causal, int64_t last, int64_t key, int64_t count) {
  return causal ? std::clamp<int64_t>(round_up(last + 1 - key, MR), 0, count) : count;
}

// The factors, 0 or 1 / (1 - p), that dropout gives the weights of a block.
template <class T>
class Dropout {
 public:
  Dropout(In state, double p, const Shape& shape)
      : on(p > 0),
        heads_(shape.heads),
        t_(shape.t),
        s_(shape.s),
        offset_(static_cast<uint64_t>(state.as<const int64_t>()[state.strides[0]])),
        stream_(static_cast<uint64_t>(state.as<const int64_t>()[0])) {
    const double border = std::nearbyint(p * 0x1p32);
    const bool all = border > 0xFFFFFFFFp0;
    threshold_ = all ? 0 : static_cast<uint32_t>(border);
    scale_ = all ? T(0) : static_cast<T>(1 / (1 - p));
  }

  // factors[j * NR + i] for key j and query i of the block
  void make(const Block& at, int64_t batch, int64_t head, T* factors) const {
    alignas(64) uint32_t words[kKeys + 2 * PhiloxStream::kStep];
    for (int64_t i = 0; i < at.lanes; ++i) {
      const int64_t row = (batch * heads_ + head) * t_ + at.query + i;
      const uint64_t start = offset_ + static_cast<uint64_t>(row * s_ + at.key), skipped = start % 4;
      stream_.words(start / 4, at.count + static_cast<int64_t>(skipped), words);
      for (int64_t j = 0; j < at.count; ++j)
        factors[j * NR<T> + i] = words[static_cast<int64_t>(skipped) + j] >= threshold_ ? scale_ : T(0);
    }
    for (int64_t j = 0; j < at.count; ++j)
      std::fill(factors + j * NR<T> + at.lanes, factors + j * NR<T> + at.width, T(0));
  }

  const bool on;

 private:
  int64_t heads_, t_, s_;
  uint64_t offset_;
  PhiloxStream stream_;
  uint32_t threshold_;
  T scale_;
};

// Queries `query` … of one head as a panel [d][NR], times `scale`.
template <class T>
void pack_queries(Strip<T> queries, int64_t lanes, int64_t width, int64_t d, T scale, T* panel) {
  gemm::pack_panel<T, NR<T>>(queries.data, queries.row, queries.column, lanes, d, panel);
  if (scale == T(1)) return;
  for (int64_t p = 0; p < d; ++p)
    for (int64_t i = 0; i < width; i += kLanes<T>) store(panel + p * NR<T> + i, load(panel + p * NR<T> + i) * scale);
}

}  // namespace pe::attention_cpu
