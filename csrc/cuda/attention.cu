// attention: out = softmax(scale · query · keyᵀ + mask) · value for each head, and its gradient.
//
// 2·t·s·(d + e) FLOP forward and 2·t·s·(3·d + 2·e) backward (here 2·t·s·(4·d + 3·e): scores are made twice) on
// (t + s)·(d + e) numbers: arithmetic is the limit. The t × s weights are never in memory. Forward a block owns 16
// queries and walks over the keys with the greatest score so far and two sums, as on the CPU. Backward one kernel owns
// queries, for dquery, and one owns keys, for dkey and dvalue, so that nobody adds to what another adds to
// (attention_tiles.h). Not done: tensor cores.
#include "kernels/attention.h"

#include "cuda/attention_tiles.h"
#include "cuda/by_dtype.h"
#include "cuda/scratch.h"

namespace pe {

namespace {

using namespace cuda;

template <class T>
constexpr T kNever = -static_cast<T>(INFINITY);

// Block (x, y): queries 16·y … of head x.
template <class T>
__global__ void __launch_bounds__(kBlock) forward_rows(Heads<const T> query, Heads<const T> key, Heads<const T> value,
                                                       Scoring<T> scoring, int64_t each, Heads<T> out, Heads<T> lse) {
  DYN_SHARED(T, shared);  // tiles, then sums [kOwn][e]
  Tiles<T>& tiles = tiles_of(shared);
  T* sums = sums_of(shared);
  const int64_t batch = blockIdx.x / scoring.heads, head = blockIdx.x % scoring.heads;
  const int64_t first = int64_t{blockIdx.y} * kOwn, mine = first + warp_number() * kEach, e = value.columns;
  const Side<const T> own = query.side(batch, head, first);
  T greatest[kEach], total[kEach];
  for (int r = 0; r < kEach; ++r) greatest[r] = kNever<T>, total[r] = 0;
  clear_sums(e, sums);
  for (int64_t begin = 0; begin < scoring.seen(first + kOwn); begin += kOther) {
    T weights[kEach];
    dots(own, key.side(batch, head / each, begin), query.columns, tiles, weights);
    for (int r = 0; r < kEach; ++r) {
      const int64_t i = mine + r, j = begin + lane_number();
      const T score = scoring.score(weights[r], batch, head, i, j);
      const T most = warp_reduce(score, [](T a, T b) { return a > b ? a : b; });
      const T best = most > greatest[r] ? most : greatest[r], shift = best == kNever<T> ? T(0) : best;
      const T shrink = weight_of(greatest[r], shift);
      greatest[r] = best;
      weights[r] = weight_of(score, shift);
      total[r] = total[r] * shrink + weights[r];
      if (shrink != T(1))
        for (int64_t x = lane_number(); x < e; x += kWarp) sums[(warp_number() * kEach + r) * e + x] *= shrink;
      const T factor = weights[r] == T(0) ? T(1) : scoring.factor(batch, head, i, j);
      weights[r] = factor == T(0) ? T(0) : weights[r] * factor;
    }
    add_weighted(weights, value.side(batch, head / each, begin), e, tiles, sums);
  }
  for (int r = 0; r < kEach; ++r) {
    const int64_t i = mine + r;
    const T all = warp_reduce(total[r], Plus{});
    if (i >= scoring.queries) continue;
    T* to = out.head(batch, head) + i * out.strides[2];
    for (int64_t x = lane_number(); x < e; x += kWarp)
      to[x * out.strides[3]] = all == T(0) ? T(0) : sums[(warp_number() * kEach + r) * e + x] / all;
    if (lane_number() == 0)
      lse.head(batch, head)[i * lse.strides[2]] = (greatest[r] == kNever<T> ? T(0) : greatest[r]) + ::log(all);
  }
}

// The operands of the gradient.
template <class T>
struct Operands {
  Heads<const T> grad, query, key, value, result, lse;
  Scoring<T> scoring;
  int64_t each;
  T* deltas;  // [batch · heads][t]: Σ grad · result of each query

  __device__ T shift(int64_t batch, int64_t head, int64_t i) const {
    const T log = i < scoring.queries ? lse.head(batch, head)[i * lse.strides[2]] : T(0);
    return log == kNever<T> ? T(0) : log;
  }
  __device__ T* delta(int64_t batch, int64_t head) const {
    return deltas + (batch * scoring.heads + head) * scoring.queries;
  }
};

// weight · factor, and the slope of the score, from both products of query i and key j.
template <class T>
struct Slope {
  T weight, slope;
  __device__ Slope(const Operands<T>& o, int64_t batch, int64_t head, int64_t i, int64_t j, T product, T of_weight,
                   T shift, T delta) {
    const T w = weight_of(o.scoring.score(product, batch, head, i, j), shift);
    const T factor = w == T(0) ? T(1) : o.scoring.factor(batch, head, i, j);
    weight = factor == T(0) ? T(0) : w * factor;
    slope = w == T(0) ? T(0) : w * ((factor == T(0) ? T(0) : of_weight * factor) - delta);
  }
};

// dquery, dmask where there is one, and deltas. Blocks as forward.
template <class T>
__global__ void __launch_bounds__(kBlock) backward_queries(Operands<T> o, Heads<T> dquery, Heads<T> dmask) {
  DYN_SHARED(T, shared);  // tiles, then sums [kOwn][d]
  Tiles<T>& tiles = tiles_of(shared);
  T* sums = sums_of(shared);
  const int64_t batch = blockIdx.x / o.scoring.heads, head = blockIdx.x % o.scoring.heads;
  const int64_t first = int64_t{blockIdx.y} * kOwn, mine = first + warp_number() * kEach, d = o.query.columns;
  const Side<const T> own = o.query.side(batch, head, first), grad = o.grad.side(batch, head, first);
  const Side<const T> result = o.result.side(batch, head, first);
  T shift[kEach], delta[kEach];
  for (int r = 0; r < kEach; ++r) {
    T sum = 0;
    for (int64_t x = lane_number(); x < o.value.columns; x += kWarp)
      sum += grad.at(warp_number() * kEach + r, x) * result.at(warp_number() * kEach + r, x);
    delta[r] = warp_reduce(sum, Plus{});
    shift[r] = o.shift(batch, head, mine + r);
    if (lane_number() == 0 && mine + r < o.scoring.queries) o.delta(batch, head)[mine + r] = delta[r];
  }
  clear_sums(d, sums);
  const int64_t end = dmask.data ? o.scoring.keys : o.scoring.seen(first + kOwn);
  for (int64_t begin = 0; begin < end; begin += kOther) {
    T products[kEach], slopes[kEach];
    dots(own, o.key.side(batch, head / o.each, begin), d, tiles, products);
    dots(grad, o.value.side(batch, head / o.each, begin), o.value.columns, tiles, slopes);
    for (int r = 0; r < kEach; ++r) {
      const int64_t i = mine + r, j = begin + lane_number();
      slopes[r] = Slope<T>(o, batch, head, i, j, products[r], slopes[r], shift[r], delta[r]).slope;
      if (dmask.data && i < o.scoring.queries && j < o.scoring.keys)
        dmask.head(batch, head)[i * dmask.strides[2] + j * dmask.strides[3]] = slopes[r];
    }
    add_weighted(slopes, o.key.side(batch, head / o.each, begin), d, tiles, sums);
  }
  for (int r = 0; r < kEach; ++r) {
    if (mine + r >= o.scoring.queries) continue;
    T* to = dquery.head(batch, head) + (mine + r) * dquery.strides[2];
    for (int64_t x = lane_number(); x < d; x += kWarp)
      to[x * dquery.strides[3]] = o.scoring.scale * sums[(warp_number() * kEach + r) * d + x];
  }
}

// dkey and dvalue. Block (x, y): keys 16·y … of head x of the keys, for all queries of its heads.
template <class T>
__global__ void __launch_bounds__(kBlock) backward_keys(Operands<T> o, int64_t groups, Heads<T> dkey, Heads<T> dvalue) {
  DYN_SHARED(T, shared);  // tiles, then sums [kOwn][d], [kOwn][e]
  Tiles<T>& tiles = tiles_of(shared);
  T* sums = sums_of(shared);
  const int64_t batch = blockIdx.x / groups, group = blockIdx.x % groups;
  const int64_t first = int64_t{blockIdx.y} * kOwn, mine = first + warp_number() * kEach;
  const int64_t d = o.query.columns, e = o.value.columns;
  T* value_sums = sums + kOwn * d;
  const Side<const T> keys = o.key.side(batch, group, first), values = o.value.side(batch, group, first);
  clear_sums(d, sums);
  clear_sums(e, value_sums);
  for (int64_t head = group * o.each; head < (group + 1) * o.each; ++head) {
    for (int64_t begin = o.scoring.causal ? first / kOther * kOther : 0; begin < o.scoring.queries; begin += kOther) {
      const Side<const T> queries = o.query.side(batch, head, begin), grads = o.grad.side(batch, head, begin);
      const int64_t i = begin + lane_number();
      const T shift = o.shift(batch, head, i), delta = i < o.scoring.queries ? o.delta(batch, head)[i] : T(0);
      T weights[kEach], slopes[kEach];
      dots(keys, queries, d, tiles, weights);
      dots(values, grads, e, tiles, slopes);
      for (int r = 0; r < kEach; ++r) {
        const Slope<T> both(o, batch, head, i, mine + r, weights[r], slopes[r], shift, delta);
        weights[r] = both.weight;
        slopes[r] = both.slope;
      }
      add_weighted(weights, grads, e, tiles, value_sums);
      add_weighted(slopes, queries, d, tiles, sums);
    }
  }
  for (int r = 0; r < kEach; ++r) {
    if (mine + r >= o.scoring.keys) continue;
    const int64_t row = warp_number() * kEach + r;
    T* to = dkey.head(batch, group) + (mine + r) * dkey.strides[2];
    for (int64_t x = lane_number(); x < d; x += kWarp) to[x * dkey.strides[3]] = o.scoring.scale * sums[row * d + x];
    T* value_to = dvalue.head(batch, group) + (mine + r) * dvalue.strides[2];
    for (int64_t x = lane_number(); x < e; x += kWarp) value_to[x * dvalue.strides[3]] = value_sums[row * e + x];
  }
}

dim3 grid(int64_t rows, int64_t heads) {
  return {static_cast<unsigned>(heads), static_cast<unsigned>(ceil_div(rows, int64_t{kOwn}))};
}

}  // namespace

void attention(In query, In key, In value, In state, OptIn mask, double scale, bool causal, double p, Out out,
               Out lse) {
  if (lse.size() == 0) return;
  by_float("attention", query.dtype, [&](auto type) {
    using T = TypeOf<decltype(type)>;
    enqueue(forward_rows<T>, grid(query.shape[2], query.shape[0] * query.shape[1]), kBlock,
            shared_bytes<T>(value.shape[3]))(Heads<const T>(query), Heads<const T>(key), Heads<const T>(value),
                                             Scoring<T>(query, key, state, mask, scale, causal, p),
                                             query.shape[1] / key.shape[1], Heads<T>(out), Heads<T>(lse));
  });
}

void attention_backward(In grad, In query, In key, In value, In result, In lse, In state, OptIn mask, double scale,
                        bool causal, double p, bool, Out dquery, Out dkey, Out dvalue, OptOut dmask) {
  if (key.shape[0] * key.shape[1] == 0) return;
  by_float("attention_backward", query.dtype, [&](auto type) {
    using T = TypeOf<decltype(type)>;
    DeviceScratch<T> deltas(std::max<int64_t>(1, lse.size()));
    const Operands<T> operands{Heads<const T>(grad),
                               Heads<const T>(query),
                               Heads<const T>(key),
                               Heads<const T>(value),
                               Heads<const T>(result),
                               Heads<const T>(lse),
                               Scoring<T>(query, key, state, mask, scale, causal, p),
                               query.shape[1] / key.shape[1],
                               deltas.data()};
    Heads<T> of_mask(dmask ? *dmask : dquery);
    if (!dmask) of_mask.data = nullptr;
    enqueue(backward_queries<T>, grid(query.shape[2], query.shape[0] * query.shape[1]), kBlock,
            shared_bytes<T>(query.shape[3]))(operands, Heads<T>(dquery), of_mask);
    enqueue(backward_keys<T>, grid(key.shape[2], key.shape[0] * key.shape[1]), kBlock,
            shared_bytes<T>(query.shape[3] + value.shape[3]))(operands, key.shape[1], Heads<T>(dkey), Heads<T>(dvalue));
  });
}

}  // namespace pe
