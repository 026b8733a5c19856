// Forward: each panel of queries walks over the keys, block by block, with the greatest score so far, the sum of
// exp(score - greatest) and the sum of values so weighted; a new greatest score scales both sums down (M. Milakov,
// N. Gimelshein, arXiv:1805.02867; T. Dao et al., "FlashAttention", arXiv:2205.14135).
#pragma once

#include "core/memory.h"
#include "core/parallel.h"
#include "cpu/attention_few.h"
#include "cpu/attention_scores.h"
#include "cpu/matmul_blocks.h"
#include "cpu/softmax_rows.h"

namespace pe::attention_cpu {

inline constexpr int64_t kTaskQueries = 256;  // of one task: for them a block of keys is brought to the cache once

// A panel's sums: [NR] greatest and total, [e][NR] weighted values.
template <class T>
struct PanelSums {
  T *greatest, *total, *values;
};

// s becomes exp(s - greatest) with the greatest so far; the sums are brought up to date but for the values.
template <class T>
void weigh(const Block& at, int64_t e, T* s, const PanelSums<T>& sums) {
  bool rescale = false;
  Vec<T> factors[gemm::NV];
  for (int64_t i = 0; i < at.width; i += kLanes<T>) {
    const Vec<T> before = load(sums.greatest + i);
    Vec<T> best = before, other = before;
    int64_t j = 0;
    for (; j + 2 <= at.count; j += 2) {
      const Vec<T> x = load(s + j * NR<T> + i), y = load(s + (j + 1) * NR<T> + i);
      best = select(x > best, x, best);
      other = select(y > other, y, other);
    }
    if (j < at.count) {
      const Vec<T> x = load(s + j * NR<T> + i);
      best = select(x > best, x, best);
    }
    best = select(other > best, other, best);
    const Vec<T> shift = select(best == kNever<T>, Vec<T>{}, best);
    const Vec<T> factor = math::exp_flushed(before - shift);
    factors[i / kLanes<T>] = factor;
    Vec<T> total = load(sums.total + i) * factor, odd{};
    for (j = 0; j + 2 <= at.count; j += 2) {
      const Vec<T> x = math::exp_flushed(load(s + j * NR<T> + i) - shift);
      const Vec<T> y = math::exp_flushed(load(s + (j + 1) * NR<T> + i) - shift);
      store(s + j * NR<T> + i, x);
      store(s + (j + 1) * NR<T> + i, y);
      total += x;
      odd += y;
    }
    if (j < at.count) {
      const Vec<T> x = math::exp_flushed(load(s + j * NR<T> + i) - shift);
      store(s + j * NR<T> + i, x);
      total += x;
    }
    store(sums.total + i, total + odd);
    store(sums.greatest + i, best);
    rescale |= any_lane(reinterpret_cast<Vec<uint64_t>>(best != before));
  }
  if (!rescale) return;
  for (int64_t r = 0; r < e; ++r)
    for (int64_t i = 0; i < at.width; i += kLanes<T>)
      store(sums.values + r * NR<T> + i, load(sums.values + r * NR<T> + i) * factors[i / kLanes<T>]);
}

// The queries first … first + count of one head.
template <class T>
class ForwardTask {
 public:
  ForwardTask(const Shape& shape, In query, In key, In value, OptIn mask, const Dropout<T>& dropout, T scale,
              bool causal, int64_t batch, int64_t head)
      : shape_(shape),
        batch_(batch),
        head_(head),
        causal_(causal),
        scale_(scale),
        query_(head_of<T>(query, batch, head)),
        key_(head_of<T>(key, batch, head / (shape.heads / shape.groups))),
        value_(head_of<T>(value, batch, head / (shape.heads / shape.groups))),
        mask_(mask, batch, head),
        dropout_(dropout) {}

  static int64_t scratch(const Shape& shape, int64_t count) {
    const int64_t panels = panels_of<T>(count);
    return panels * NR<T> * (shape.d + shape.e + 2) + kKeys * (2 * NR<T> + padded<T>(shape.d) + padded<T>(shape.e));
  }

  void run(int64_t first, int64_t count, T* memory, Out out, Out lse) {
    const int64_t panels = panels_of<T>(count);
    T* queries = take(memory, panels * NR<T> * shape_.d);
    T* values = take(memory, panels * NR<T> * shape_.e);
    T* greatest = take(memory, panels * NR<T>);
    T* totals = take(memory, panels * NR<T>);
    scores_ = take(memory, kKeys * NR<T>);
    factors_ = take(memory, kKeys * NR<T>);
    key_block_ = take(memory, kKeys * padded<T>(shape_.d));
    value_block_ = take(memory, kKeys * padded<T>(shape_.e));
    std::fill(values, values + panels * NR<T> * shape_.e, T(0));
    std::fill(greatest, greatest + panels * NR<T>, kNever<T>);
    std::fill(totals, totals + panels * NR<T>, T(0));
    const auto panel_of = [&](int64_t p) {
      const int64_t lanes = std::min<int64_t>(NR<T>, count - p * NR<T>);
      return Block{first + p * NR<T>, lanes, round_up(lanes, kLanes<T>), 0, 0};
    };
    const auto sums_of = [&](int64_t p) {
      return PanelSums<T>{greatest + p * NR<T>, totals + p * NR<T>, values + p * NR<T> * shape_.e};
    };
    for (int64_t p = 0; p < panels; ++p) {
      const Block at = panel_of(p);
      pack_queries(from_row(query_, at.query), at.lanes, at.width, shape_.d, scale_, queries + p * NR<T> * shape_.d);
    }
    const int64_t seen = causal_ ? std::min(shape_.s, first + count) : shape_.s;
    for (int64_t key = 0; key < seen; key += kKeys) {
      const int64_t keys = std::min(kKeys, seen - key);
      copy_rows(from_row(key_, key), keys, shape_.d, key_block_, padded<T>(shape_.d));
      const bool finite = copy_rows(from_row(value_, key), keys, shape_.e, value_block_, padded<T>(shape_.e));
      for (int64_t p = 0; p < panels; ++p) {
        Block at = panel_of(p);
        at.key = key;
        at.count = seen_keys(causal_, at.query + at.lanes - 1, key, keys);
        if (at.count > 0) add_block(at, queries + p * NR<T> * shape_.d, finite, sums_of(p));
      }
    }
    for (int64_t p = 0; p < panels; ++p) finish(panel_of(p), sums_of(p), out, lse);
  }

 private:
  void add_block(const Block& at, const T* queries, bool finite, const PanelSums<T>& sums) {
    make_scores(at, shape_.d, queries, Strip<T>{key_block_, padded<T>(shape_.d), 1}, mask_, causal_, scores_, NR<T>);
    weigh(at, shape_.e, scores_, sums);
    if (dropout_.on) {
      dropout_.make(at, batch_, head_, factors_);
      for (int64_t j = 0; j < at.count; ++j)
        for (int64_t i = 0; i < at.width; i += kLanes<T>) {
          T* s = scores_ + j * NR<T> + i;
          const Vec<T> factor = load(factors_ + j * NR<T> + i);
          store(s, select(factor == T(0), Vec<T>{}, load(s) * factor));
        }
    }
    multiply_weights<false>(finite, shape_.e, at.width, at.count, Strip<T>{value_block_, 1, padded<T>(shape_.e)},
                            scores_, NR<T>, sums.values, NR<T>, true);
  }

  void finish(const Block& at, const PanelSums<T>& sums, Out out, Out lse) {
    T logs[NR<T>];
    for (int64_t i = 0; i < at.width; i += kLanes<T>) {
      const Vec<T> greatest = load(sums.greatest + i), total = load(sums.total + i);
      const Vec<T> shift = select(greatest == kNever<T>, Vec<T>{}, greatest);
      store(logs + i, shift + math::log(total));
      const Vec<T> factor = T(1) / total;
      for (int64_t r = 0; r < shape_.e; ++r) {
        T* value = sums.values + r * NR<T> + i;
        store(value, select(total == T(0), Vec<T>{}, load(value) * factor));
      }
    }
    T* row = out.as<T>() + batch_ * out.strides[0] + head_ * out.strides[1] + at.query * out.strides[2];
    write_panel(sums.values, at.lanes, shape_.e, row, out.strides[2], out.strides[3]);
    T* log = lse.as<T>() + batch_ * lse.strides[0] + head_ * lse.strides[1] + at.query * lse.strides[2];
    copy_strided(logs, 1, log, lse.strides[2], at.lanes);
  }

  const Shape& shape_;
  int64_t batch_, head_;
  bool causal_;
  T scale_;
  Strip<T> query_, key_, value_;
  HeadMask<T> mask_;
  const Dropout<T>& dropout_;
  T *scores_ = nullptr, *factors_ = nullptr, *key_block_ = nullptr, *value_block_ = nullptr;
};

template <class T>
void forward(In query, In key, In value, In state, OptIn mask, double scale, bool causal, double p, Out out, Out lse) {
  const Shape shape(query, key, value);
  if (few_queries_suit<T>(shape, key, value, p > 0))
    return forward_few<T>(shape, query, key, value, mask, scale, causal, out, lse);
  const Dropout<T> dropout(state, p, shape);
  const int64_t chunks = (shape.t + kTaskQueries - 1) / kTaskQueries, tasks = shape.batch * shape.heads * chunks;
  const int64_t most = std::min(shape.t, kTaskQueries);
  const int64_t flops = 2 * most * shape.s * (shape.d + shape.e);
  parallel_ranges(tasks, std::max<int64_t>(1, gemm::kTaskFlops / std::max<int64_t>(flops, 1024)),
                  [&](int64_t begin, int64_t end) {
                    Scratch<T> memory(ForwardTask<T>::scratch(shape, most));
                    for (int64_t task = begin; task < end; ++task) {
                      // the last queries first: of a causal head they have the most keys
                      const int64_t first = (chunks - 1 - task % chunks) * kTaskQueries, head = task / chunks;
                      ForwardTask<T> part(shape, query, key, value, mask, dropout, static_cast<T>(scale), causal,
                                          head / shape.heads, head % shape.heads);
                      part.run(first, std::min(kTaskQueries, shape.t - first), memory.data(), out, lse);
                    }
                  });
}

}  // namespace pe::attention_cpu
