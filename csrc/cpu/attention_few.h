// Forward for few queries, as when text is generated one token after the other: keys and values come from memory for a
// handful of products each, and reading them is all the time there is. So a score is a dot product, as many side by
// side as a vector has lanes, and rows are read where they lie, once for all queries that share them.
#pragma once

#include "core/memory.h"
#include "core/parallel.h"
#include "cpu/attention_scores.h"
#include "cpu/softmax_rows.h"

namespace pe::attention_cpu {

inline constexpr int64_t kFewQueries = 4;

// Whether rows lie side by side and are whole vectors.
template <class T>
bool few_queries_suit(const Shape& shape, In key, In value, bool drops) {
  return shape.t <= kFewQueries && !drops && key.strides[3] == 1 && value.strides[3] == 1 && shape.d > 0 &&
         shape.d % kLanes<T> == 0 && shape.e > 0 && shape.e % kLanes<T> == 0;
}

// Lane r: query · row r of `keys`, of which there are `count`; the lanes behind them are anything.
template <class T>
Vec<T> dots_of_rows(const T* query, Strip<T> keys, int64_t count, int64_t d) {
  constexpr int L = kLanes<T>;
  const T* rows[L];
  for (int r = 0; r < L; ++r) rows[r] = keys.data + std::min<int64_t>(r, count - 1) * keys.row;
  Vec<T> sums[L];
#pragma GCC unroll 16
  for (int r = 0; r < L; ++r) sums[r] = Vec<T>{};
  for (int64_t x = 0; x < d; x += L) {
    const Vec<T> q = load(query + x);
#pragma GCC unroll 16
    for (int r = 0; r < L; ++r) sums[r] += q * load(rows[r] + x);
  }
  gemm::transpose_rounds<T>(sums);
#pragma GCC unroll 4
  for (int width = L / 2; width > 0; width /= 2)
#pragma GCC unroll 8
    for (int r = 0; r < width; ++r) sums[r] += sums[r + width];
  return sums[0];
}

// to[e] = Σ weights[j] · row j of `values`, V vectors of it.
template <int V, class T>
void add_rows(const T* weights, Strip<T> values, int64_t count, T* to) {
  Vec<T> sums[V];
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) sums[v] = Vec<T>{};
  for (int64_t j = 0; j < count; ++j) {
    const Vec<T> weight = splat(weights[j]);
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sums[v] += weight * load(values.data + j * values.row + v * kLanes<T>);
  }
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) store(to + v * kLanes<T>, sums[v]);
}

template <class T>
void weighted_rows(const T* weights, Strip<T> values, int64_t count, int64_t e, T* to) {
  constexpr int L = kLanes<T>;
  int64_t x = 0;
  for (; x + 4 * L <= e; x += 4 * L) add_rows<4>(weights, {values.data + x, values.row, 1}, count, to + x);
  for (; x < e; x += L) add_rows<1>(weights, {values.data + x, values.row, 1}, count, to + x);
  Vec<T> zeros{};
  for (x = 0; x < e; x += L) zeros += load(to + x) * T(0);
  if (sum_lanes<T>(zeros) != T(0))
    multiply_carefully<true>(1, e, count, Strip<T>{weights, count, 1}, values.data, values.row, to, e, false);
}

// All queries that share one head of keys: `rows` of them, numbered head by head. A block of keys is used by all of
// them while it is in the cache.
template <class T>
class FewQueries {
 public:
  FewQueries(const Shape& shape, In query, In key, In value, OptIn mask, T scale, bool causal)
      : shape_(shape),
        each_(shape.heads / shape.groups),
        rows_(each_ * shape.t),
        query_(query),
        key_(key),
        value_(value),
        mask_(mask),
        scale_(scale),
        causal_(causal) {}

  static int64_t scratch(const Shape& shape) {
    return shape.heads / shape.groups * shape.t * (shape.d + shape.e + 2) + shape.e;
  }

  void run(int64_t batch, int64_t group, T* memory, Out out, Out lse) {
    queries_ = take(memory, rows_ * shape_.d);
    values_ = take(memory, rows_ * shape_.e);
    greatest_ = take(memory, rows_);
    totals_ = take(memory, rows_);
    part_ = take(memory, shape_.e);
    start(batch, group);
    const Strip<T> keys = head_of<T>(key_, batch, group), values = head_of<T>(value_, batch, group);
    const int64_t seen = causal_ ? std::min(shape_.s, shape_.t) : shape_.s;
    for (int64_t first = 0; first < seen; first += kKeys) {
      const int64_t count = std::min(kKeys, seen - first);
      for (int64_t row = 0; row < rows_; ++row) {
        const HeadMask<T> mask(mask_, batch, group * each_ + row / shape_.t);
        make_scores(row, from_row(keys, first), first, count, mask);
        add_scores(row, from_row(values, first), count);
      }
    }
    for (int64_t row = 0; row < rows_; ++row) finish(row, batch, group * each_ + row / shape_.t, out, lse);
  }

 private:
  void start(int64_t batch, int64_t group) {
    for (int64_t row = 0; row < rows_; ++row) {
      const Strip<T> own = from_row(head_of<T>(query_, batch, group * each_ + row / shape_.t), row % shape_.t);
      for (int64_t x = 0; x < shape_.d; ++x) queries_[row * shape_.d + x] = own.data[x * own.column] * scale_;
    }
    std::fill(values_, values_ + rows_ * shape_.e, T(0));
    std::fill(greatest_, greatest_ + rows_, kNever<T>);
    std::fill(totals_, totals_ + rows_, T(0));
  }

  // Up to whole vectors, those behind the last key -inf.
  void make_scores(int64_t row, Strip<T> keys, int64_t first, int64_t count, const HeadMask<T>& mask) {
    const int64_t i = row % shape_.t;
    for (int64_t j = 0; j < count; j += kLanes<T>)
      store(scores_ + j, dots_of_rows(queries_ + row * shape_.d, from_row(keys, j), count - j, shape_.d));
    std::fill(scores_ + count, scores_ + round_up(count, kLanes<T>), kNever<T>);
    for (int64_t j = 0; j < count && (mask_ || causal_); ++j) {
      const int64_t at = i * mask.row + (first + j) * mask.column;
      if (mask.added) scores_[j] += mask.added[at];
      if ((mask.chosen && !mask.chosen[at]) || (causal_ && first + j > i)) scores_[j] = kNever<T>;
    }
  }

  void add_scores(int64_t row, Strip<T> values, int64_t count) {
    Vec<T> best = splat(kNever<T>), total{};
    for (int64_t j = 0; j < count; j += kLanes<T>) {
      const Vec<T> s = load(scores_ + j);
      best = select(s > best, s, best);
    }
    const Vec<T> before = splat(greatest_[row]);
    best = max_everywhere<T>(select(best > before, best, before));
    const Vec<T> shift = select(best == kNever<T>, Vec<T>{}, best), factor = math::exp_flushed(before - shift);
    for (int64_t j = 0; j < count; j += kLanes<T>) {
      const Vec<T> weight = math::exp_flushed(load(scores_ + j) - shift);
      store(scores_ + j, weight);
      total += weight;
    }
    totals_[row] = totals_[row] * first_lane<T>(factor) + sum_lanes<T>(total);
    greatest_[row] = first_lane<T>(best);
    weighted_rows(scores_, values, count, shape_.e, part_);
    T* sums = values_ + row * shape_.e;
    for (int64_t x = 0; x < shape_.e; x += kLanes<T>) store(sums + x, load(sums + x) * factor + load(part_ + x));
  }

  void finish(int64_t row, int64_t batch, int64_t head, Out out, Out lse) {
    const int64_t i = row % shape_.t;
    T* to = out.as<T>() + batch * out.strides[0] + head * out.strides[1] + i * out.strides[2];
    const T total = totals_[row], factor = T(1) / total, greatest = greatest_[row];
    for (int64_t x = 0; x < shape_.e; ++x)
      to[x * out.strides[3]] = total == T(0) ? T(0) : values_[row * shape_.e + x] * factor;
    lse.as<T>()[batch * lse.strides[0] + head * lse.strides[1] + i * lse.strides[2]] =
        (greatest == kNever<T> ? T(0) : greatest) + first_lane<T>(math::log(splat(total)));
  }

  const Shape& shape_;
  int64_t each_, rows_;
  In query_, key_, value_;
  OptIn mask_;
  T scale_;
  bool causal_;
  T *queries_ = nullptr, *values_ = nullptr, *greatest_ = nullptr, *totals_ = nullptr, *part_ = nullptr;
  alignas(64) T scores_[kKeys + kLanes<T>];
};

template <class T>
void forward_few(const Shape& shape, In query, In key, In value, OptIn mask, double scale, bool causal, Out out,
                 Out lse) {
  constexpr int64_t kTaskNumbers = 16384;  // of keys and values read, by each query: microseconds
  const int64_t numbers = shape.s * (shape.d + shape.e) * shape.t * (shape.heads / shape.groups);
  parallel_ranges(shape.batch * shape.groups, std::max<int64_t>(1, kTaskNumbers / std::max<int64_t>(numbers, 1)),
                  [&](int64_t begin, int64_t end) {
                    Scratch<T> memory(FewQueries<T>::scratch(shape));
                    FewQueries<T> queries(shape, query, key, value, mask, static_cast<T>(scale), causal);
                    for (int64_t head = begin; head < end; ++head)
                      queries.run(head / shape.groups, head % shape.groups, memory.data(), out, lse);
                  });
}

}  // namespace pe::attention_cpu
