// Attention: each query's mean of the values, weighted by a softmax of its products with the keys. T;
// query[batch, heads, t, d], key[batch, groups, s, d], value[batch, groups, s, e]; `groups` divides `heads`, and heads
// next to each other share a group. The t × s matrix of weights is never in memory.
#pragma once

#include "kernels/random.h"

namespace pe {

// score = scale · Σ query · key + mask, of the T `mask`; a bool one is true where a key takes part. `mask` broadcasts
// to [batch, heads, t, s]. causal: no key after its query's number takes part. A key that takes no part has the score
// -inf, and the score -inf weight 0; what has weight 0 adds nothing, not even a NaN.
//
// lse[batch, heads, t] = log Σ exp(score), out = Σ exp(score - lse) · value; a query with no key has lse -inf and out
// 0. p > 0: word ((b · heads + h) · t + i) · s + j of the stream of `state` (kernels/random.h) decides as in dropout
// whether a weight counts 0 times or 1 / (1 - p) times in out. 2 · batch · heads · t · s · (d + e) FLOP.
void attention(In query, In key, In value, In state, OptIn mask, double scale, bool causal, double p, Out out, Out lse);

// For grad of out, with result = out and lse as above: weight w = exp(score - lse), dropped to c · w, slope
// dscore = w · (c · Σ grad · value - Σ grad · result); dquery = scale · Σ dscore · key, dkey = scale · Σ dscore ·
// query, dvalue = Σ c · w · grad. dmask = dscore[batch, heads, t, s] where `mask_grad`, for a mask of T. 2 · batch ·
// heads · t · s · (3 · d + 2 · e) FLOP.
void attention_backward(In grad, In query, In key, In value, In result, In lse, In state, OptIn mask, double scale,
                        bool causal, double p, bool mask_grad, Out dquery, Out dkey, Out dvalue, OptOut dmask);

std::array<Spec, 2> attention_outputs(In query, In key, In value, In state, OptIn mask, double scale, bool causal,
                                      double p);
std::array<Spec, 4> attention_backward_outputs(In grad, In query, In key, In value, In result, In lse, In state,
                                               OptIn mask, double scale, bool causal, double p, bool mask_grad);

template <class Visitor>
void for_each_attention_kernel(Visitor&& visit) {
  visit(Kernel<attention, attention_outputs>{"attention",
                                             "query, key, value, state, mask=None, scale=1.0, causal=False, p=0.0"});
  visit(Kernel<attention_backward, attention_backward_outputs>{
      "attention_backward",
      "grad, query, key, value, result, lse, state, mask=None, scale=1.0, causal=False, p=0.0, mask_grad=False"});
}

}  // namespace pe
