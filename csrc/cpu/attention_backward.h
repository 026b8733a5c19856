// Backward: weights are made again from the scores and lse, block by block of queries and keys, and each block gives
// its part of all three gradients by four products more. One task has all the queries that share a head of keys, so
// that no two tasks add to the same number.
#pragma once

#include "core/memory.h"
#include "core/parallel.h"
#include "cpu/attention_scores.h"
#include "cpu/matmul_blocks.h"
#include "cpu/vec_math.h"

namespace pe::attention_cpu {

// Queries of a block: whole panels.
template <class T>
inline constexpr int64_t kQueries = round_up(64, NR<T>);

// The operands and results of one call.
struct Gradients {
  In grad, query, key, value, result, lse;
  OptIn mask;
  Out dquery, dkey, dvalue;
  OptOut dmask;
};

// One head of keys and values, and what its memory holds while the task runs.
template <class T>
class BackwardTask {
 public:
  BackwardTask(const Shape& shape, const Gradients& all, const Dropout<T>& dropout, T scale, bool causal)
      : shape_(shape),
        all_(all),
        dropout_(dropout),
        scale_(scale),
        causal_(causal),
        d_(padded<T>(shape.d)),
        e_(padded<T>(shape.e)) {}

  static int64_t scratch(const Shape& shape) {
    const int64_t d = padded<T>(shape.d), e = padded<T>(shape.e), q = kQueries<T>;
    return 2 * shape.s * (d + e) + q * (2 * d + shape.d + 2 * e) + q * (2 * kKeys + 2) + kKeys * NR<T>;
  }

  void run(int64_t batch, int64_t group, T* memory) {
    const int64_t s = shape_.s, q = kQueries<T>, each = shape_.heads / shape_.groups;
    keys_ = take(memory, s * d_);
    values_ = take(memory, s * e_);
    dkeys_ = take(memory, s * d_);
    dvalues_ = take(memory, s * e_);
    query_rows_ = take(memory, q * d_);
    grad_rows_ = take(memory, q * e_);
    query_panels_ = take(memory, q * d_);
    grad_panels_ = take(memory, q * e_);
    dquery_panels_ = take(memory, q * shape_.d);
    weights_ = take(memory, q * kKeys);
    slopes_ = take(memory, q * kKeys);
    shifts_ = take(memory, q);
    deltas_ = take(memory, q);
    factors_ = take(memory, kKeys * NR<T>);
    keys_finite_ = copy_rows(head_of<T>(all_.key, batch, group), s, shape_.d, keys_, d_);
    copy_rows(head_of<T>(all_.value, batch, group), s, shape_.e, values_, e_);
    std::fill(dkeys_, dkeys_ + s * d_, T(0));
    std::fill(dvalues_, dvalues_ + s * e_, T(0));
    for (int64_t head = group * each; head < (group + 1) * each; ++head)
      for (int64_t first = 0; first < shape_.t; first += q) add_queries(batch, head, first);
    write_rows(dkeys_, d_, shape_.d, scale_, all_.dkey, batch, group);
    write_rows(dvalues_, e_, shape_.e, T(1), all_.dvalue, batch, group);
  }

 private:
  // A block of queries: rows for the products that sum over queries, panels for those that sum over features.
  void add_queries(int64_t batch, int64_t head, int64_t first) {
    const int64_t count = std::min(kQueries<T>, shape_.t - first);
    load_queries(batch, head, first, count);
    const HeadMask<T> mask(all_.mask, batch, head);
    const bool skips = causal_ && !all_.dmask;  // dmask is written where it is 0, too
    const int64_t seen = skips ? std::min(shape_.s, first + count) : shape_.s;
    std::fill(dquery_panels_, dquery_panels_ + kQueries<T> * shape_.d, T(0));
    for (int64_t key = 0; key < seen; key += kKeys) {
      const int64_t keys = std::min(kKeys, seen - key);
      for (int64_t p = 0; p < panels_of<T>(count); ++p) {
        Block at = panel(first, count, p);
        at.key = key;
        at.count = seen_keys(skips, at.query + at.lanes - 1, key, keys);
        if (at.count == 0) continue;
        make_slopes(at, p, batch, head, mask);
        multiply_weights<false>(keys_finite_, shape_.d, at.width, at.count, Strip<T>{keys_ + key * d_, 1, d_},
                                slopes_ + p * NR<T>, kQueries<T>, dquery_panels_ + p * NR<T> * shape_.d, NR<T>, true);
        if (all_.dmask) write_slopes(at, p, batch, head);
      }
      add_to_keys(skips, first, count, key, keys);
    }
    for (int64_t p = 0; p < panels_of<T>(count); ++p) write_dquery(panel(first, count, p), p, batch, head);
  }

  Block panel(int64_t first, int64_t count, int64_t p) const {
    const int64_t lanes = std::min<int64_t>(NR<T>, count - p * NR<T>);
    return {first + p * NR<T>, lanes, round_up(lanes, kLanes<T>), 0, 0};
  }

  void load_queries(int64_t batch, int64_t head, int64_t first, int64_t count) {
    const Strip<T> grad = from_row(head_of<T>(all_.grad, batch, head), first);
    const Strip<T> query = from_row(head_of<T>(all_.query, batch, head), first);
    queries_finite_ = copy_rows(query, count, shape_.d, query_rows_, d_);
    // the results take the place of the panels for a moment
    copy_rows(from_row(head_of<T>(all_.result, batch, head), first), count, shape_.e, grad_panels_, e_);
    grads_finite_ = copy_rows(grad, count, shape_.e, grad_rows_, e_);
    const T* lse = all_.lse.template as<const T>() + batch * all_.lse.strides[0] + head * all_.lse.strides[1];
    for (int64_t i = 0; i < count; ++i) {
      Vec<T> sum{};
      for (int64_t j = 0; j < e_; j += kLanes<T>)
        sum += load(grad_rows_ + i * e_ + j) * load(grad_panels_ + i * e_ + j);
      deltas_[i] = sum_lanes<T>(sum);
      const T log = lse[(first + i) * all_.lse.strides[2]];
      shifts_[i] = log == kNever<T> ? T(0) : log;
    }
    std::fill(deltas_ + count, deltas_ + kQueries<T>, T(0));
    std::fill(shifts_ + count, shifts_ + kQueries<T>, T(0));
    for (int64_t p = 0; p < panels_of<T>(count); ++p) {
      const Block at = panel(first, count, p);
      pack_queries(Strip<T>{query_rows_ + p * NR<T> * d_, d_, 1}, at.lanes, at.width, shape_.d, scale_,
                   query_panels_ + p * NR<T> * d_);
      pack_queries(Strip<T>{grad_rows_ + p * NR<T> * e_, e_, 1}, at.lanes, at.width, shape_.e, T(1),
                   grad_panels_ + p * NR<T> * e_);
    }
  }

  // weights[key][query], as dropout leaves them, and their slopes.
  void make_slopes(const Block& at, int64_t p, int64_t batch, int64_t head, const HeadMask<T>& mask) {
    T* weights = weights_ + p * NR<T>;
    T* slopes = slopes_ + p * NR<T>;
    make_scores(at, shape_.d, query_panels_ + p * NR<T> * d_, Strip<T>{keys_ + at.key * d_, d_, 1}, mask, causal_,
                weights, kQueries<T>);
    multiply(at.count, at.width, shape_.e, Strip<T>{values_ + at.key * e_, e_, 1}, grad_panels_ + p * NR<T> * e_, NR<T>,
             slopes, kQueries<T>, false);
    if (dropout_.on) dropout_.make(at, batch, head, factors_);
    for (int64_t i = 0; i < at.width; i += kLanes<T>) {
      const Vec<T> shift = load(shifts_ + p * NR<T> + i), delta = load(deltas_ + p * NR<T> + i);
      for (int64_t j = 0; j < at.count; ++j) {
        T* weight = weights + j * kQueries<T> + i;
        T* slope = slopes + j * kQueries<T> + i;
        const Vec<T> score = load(weight);
        const Vec<T> w = select(score == kNever<T>, Vec<T>{}, math::exp(score - shift));
        Vec<T> of_weight = load(slope), kept = w;
        if (dropout_.on) {
          const Vec<T> factor = load(factors_ + j * NR<T> + i);
          of_weight = select(factor == T(0), Vec<T>{}, of_weight * factor);
          kept = select(factor == T(0), Vec<T>{}, w * factor);
        }
        store(slope, select(w == T(0), Vec<T>{}, w * (of_weight - delta)));
        store(weight, kept);
      }
    }
  }

  // dkey and dvalue of a block: sums over its queries, of which a causal tile of keys leaves out the earlier panels.
  void add_to_keys(bool skips, int64_t first, int64_t count, int64_t key, int64_t keys) {
    for (int64_t j = 0; j < keys; j += MR) {
      const int64_t rows = std::min<int64_t>(MR, keys - j);
      const int64_t start = skips ? std::max<int64_t>(0, key + j - first) / NR<T> * NR<T> : 0;
      if (start >= count) continue;
      const int64_t at = j * kQueries<T> + start, row = key + j;
      multiply_weights<true>(grads_finite_, rows, e_, count - start, Strip<T>{weights_ + at, kQueries<T>, 1},
                             grad_rows_ + start * e_, e_, dvalues_ + row * e_, e_, true);
      multiply_weights<true>(queries_finite_, rows, d_, count - start, Strip<T>{slopes_ + at, kQueries<T>, 1},
                             query_rows_ + start * d_, d_, dkeys_ + row * d_, d_, true);
    }
  }

  void write_dquery(const Block& at, int64_t p, int64_t batch, int64_t head) {
    T* panel = dquery_panels_ + p * NR<T> * shape_.d;
    for (int64_t i = 0; i < shape_.d * NR<T>; i += kLanes<T>) store(panel + i, load(panel + i) * scale_);
    Out to = all_.dquery;
    T* row = to.as<T>() + batch * to.strides[0] + head * to.strides[1] + at.query * to.strides[2];
    write_panel(panel, at.lanes, shape_.d, row, to.strides[2], to.strides[3]);
  }

  void write_slopes(const Block& at, int64_t p, int64_t batch, int64_t head) {
    Out to = *all_.dmask;
    T* row = to.as<T>() + batch * to.strides[0] + head * to.strides[1] + at.query * to.strides[2];
    for (int64_t i = 0; i < at.lanes; ++i)
      for (int64_t j = 0; j < at.count; ++j)
        row[i * to.strides[2] + (at.key + j) * to.strides[3]] = slopes_[j * kQueries<T> + p * NR<T> + i];
  }

  void write_rows(T* from, int64_t width, int64_t columns, T factor, Out to, int64_t batch, int64_t group) const {
    T* rows = to.as<T>() + batch * to.strides[0] + group * to.strides[1];
    for (int64_t i = 0; i < shape_.s; ++i) {
      T* row = rows + i * to.strides[2];
      int64_t j = 0;
      if (to.strides[3] == 1)
        for (; j + kLanes<T> <= columns; j += kLanes<T>) store(row + j, load(from + i * width + j) * factor);
      for (; j < columns; ++j) row[j * to.strides[3]] = from[i * width + j] * factor;
    }
  }

  const Shape& shape_;
  const Gradients& all_;
  const Dropout<T>& dropout_;
  T scale_;
  bool causal_;
  int64_t d_, e_;  // row lengths of the blocks, whole vectors
  bool keys_finite_ = true, queries_finite_ = true, grads_finite_ = true;
  T *keys_, *values_, *dkeys_, *dvalues_, *query_rows_, *grad_rows_, *query_panels_, *grad_panels_, *dquery_panels_;
  T *weights_, *slopes_, *shifts_, *deltas_, *factors_;
};

template <class T>
void backward(const Gradients& all, In state, double scale, bool causal, double p) {
  const Shape shape(all.query, all.key, all.value);
  const Dropout<T> dropout(state, p, shape);
  const int64_t each = shape.groups == 0 ? 0 : shape.heads / shape.groups;
  const int64_t flops = 2 * each * shape.t * shape.s * (3 * shape.d + 2 * shape.e);
  parallel_ranges(shape.batch * shape.groups, std::max<int64_t>(1, gemm::kTaskFlops / std::max<int64_t>(flops, 1024)),
                  [&](int64_t begin, int64_t end) {
                    Scratch<T> memory(BackwardTask<T>::scratch(shape));
                    BackwardTask<T> task(shape, all, dropout, static_cast<T>(scale), causal);
                    for (int64_t head = begin; head < end; ++head)
                      task.run(head / shape.groups, head % shape.groups, memory.data());
                  });
}

}  // namespace pe::attention_cpu
