// attention: out[t, e] = softmax(scale · query[t, d] · keyᵀ + mask) · value[s, e] for each head, and its gradient.
//
// 2·t·s·(d + e) FLOP forward and 2·t·s·(3·d + 2·e) backward, half of that where causal, on (t + s)·(d + e) numbers: the
// FMA units are the limit, and the t × s weights, if they were in memory, would be most of the traffic. So they never
// are: a block of 48 keys by 16 queries is made in the first-level cache, used and forgotten (attention_forward.h,
// attention_backward.h). The products are matmul's register tiles (attention_products.h). Blocks that causality cuts
// off are skipped.
#include "kernels/attention.h"

#include "cpu/attention_backward.h"
#include "cpu/attention_forward.h"

namespace pe {

void attention(In query, In key, In value, In state, OptIn mask, double scale, bool causal, double p, Out out,
               Out lse) {
  if (lse.size() == 0) return;
  if (query.dtype == DType::f32)
    attention_cpu::forward<float>(query, key, value, state, mask, scale, causal, p, out, lse);
  else
    attention_cpu::forward<double>(query, key, value, state, mask, scale, causal, p, out, lse);
}

void attention_backward(In grad, In query, In key, In value, In result, In lse, In state, OptIn mask, double scale,
                        bool causal, double p, bool, Out dquery, Out dkey, Out dvalue, OptOut dmask) {
  const attention_cpu::Gradients all{grad, query, key, value, result, lse, mask, dquery, dkey, dvalue, dmask};
  if (query.dtype == DType::f32)
    attention_cpu::backward<float>(all, state, scale, causal, p);
  else
    attention_cpu::backward<double>(all, state, scale, causal, p);
}

}  // namespace pe
