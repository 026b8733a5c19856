// The native kernel table: every kernel of a backend, with its contract, once.
//
// Each entry has an output rule (shapes and dtypes out of the inputs, throwing ShapeError or DTypeError) and a kernel.
// bindings.cpp turns the list at the end into Python functions; csrc/check links every one of them; a backend that
// forgets one does not link. In all contracts: inputs may have any strides, `out` may have any strides and may be the
// very same view as an input where the kernel is elementwise, otherwise it overlaps no input. T is float32 or float64.
// The reference definition of each kernel is pyengine/reference/<file>.py.
#pragma once

#include "core/array.h"

namespace pe {

// --- output rules that many kernels share

inline Spec like(In a) {
  Spec spec{a.dtype, a.ndim};
  for (int i = 0; i < a.ndim; ++i) spec.shape[i] = a.shape[i];
  return spec;
}

Spec broadcast(In a, In b);                           // NumPy's rule; equal dtypes required
Spec reduced(In a, const Ints& axes, bool keepdims);  // negative axes count from the end; none = all
void require_float(In a);                             // float32 or float64; throws DTypeError
void require_number(In a);                            // float32, float64 or int64; throws DTypeError
void require_same_dtype(In a, In b);

Spec float_like(In a);  // like(a) after require_float
Spec number_like(In a);

// --- elementwise: out[i] = f(a[i], b[i]) with broadcasting. T and int64; div is T only. 1 FLOP, 3 elements moved.

void add(In a, In b, Out out);
void sub(In a, In b, Out out);
void mul(In a, In b, Out out);
void div(In a, In b, Out out);
void neg(In a, Out out);
void relu(In a, Out out);                    // a > 0 ? a : 0, a NaN stays
void relu_backward(In grad, In y, Out out);  // y > 0 ? grad : 0; y is relu's output, same shape as grad

Spec arithmetic_outputs(In a, In b);
Spec div_outputs(In a, In b);
Spec relu_backward_outputs(In grad, In y);

// --- copy: out = a, cast to `dtype`; any of the dtypes to any other, float to integer truncates, to bool is `!= 0`

inline Spec copy_outputs(In a, DType dtype) {
  Spec spec = like(a);
  spec.dtype = dtype;
  return spec;
}
void copy(In a, DType dtype, Out out);

Spec full_outputs(const Ints& shape, double value, DType dtype);
void full(const Ints& shape, double value, DType dtype, Out out);

// --- reductions over any set of axes; T and int64. Fixed blocks, fixed tree.

Spec sum_outputs(In a, const Ints& axis, bool keepdims);
void sum(In a, const Ints& axis, bool keepdims, Out out);

// --- matmul: out[..., m, n] = act(a[..., m, k] · b[..., k, n] + bias[n]); batch axes broadcast. T. 2·m·n·k FLOP.

Spec matmul_outputs(In a, In b, OptIn bias, Activation act);
void matmul(In a, In b, OptIn bias, Activation act, Out out);

// --- softmax over the last axis: out = exp(a - max) / sum(exp(a - max)). T.

Spec softmax_outputs(In a);
void softmax(In a, Out out);
void softmax_backward(In grad, In y, Out out);  // y * (grad - sum(grad * y)); y is softmax's output
Spec softmax_backward_outputs(In grad, In y);

// --- cross_entropy: loss = mean over rows of logsumexp(logits[n]) - logits[n, labels[n]]; logits[n, c] T, labels[n]
// int64 (checked against [0, c): throws ShapeError naming the first bad one). With with_grad also grad =
// (softmax(logits) - onehot(labels)) / n, made in the same pass while the row is in cache.

std::array<Spec, 2> cross_entropy_outputs(In logits, In labels, bool with_grad);
void cross_entropy(In logits, In labels, bool with_grad, Out loss, OptOut grad);

// --- random: Philox4x32-10, counter-based. state = int64[2]: (seed, offset); element i takes word i of the stream from
// `offset` on, so the same numbers come out on every backend. The caller advances the offset.

Spec uniform_outputs(In state, const Ints& shape, double low, double high, DType dtype);
void uniform(In state, const Ints& shape, double low, double high, DType dtype, Out out);

// --- sgd_step: one call over all parameters, in place.
//   g = grad + weight_decay·p;  with momentum: b = momentum·b + g, g = b (nesterov: g + momentum·b);  p -= lr·g
// `lr` is a one-element array of float32 or float64; `buffers` is empty where momentum is 0, and starts as zeros.

void sgd_step(InOutList params, InList grads, InOutList buffers, In lr, double momentum, double weight_decay,
              bool nesterov);
void sgd_step_check(const InOutList& params, const InList& grads, const InOutList& buffers, In lr, double momentum,
                    double weight_decay, bool nesterov);

// --- the list

template <auto kKernel, auto kOutputs>
struct Kernel {
  const char* name;
  const char* signature;     // as Python shows it; `out` is added by the binding where there are outputs
  bool elementwise = false;  // `out` may be the very same view as an input
};

template <class Visitor>
void for_each_kernel(Visitor&& visit) {
  visit(Kernel<add, arithmetic_outputs>{"add", "a, b", true});
  visit(Kernel<sub, arithmetic_outputs>{"sub", "a, b", true});
  visit(Kernel<mul, arithmetic_outputs>{"mul", "a, b", true});
  visit(Kernel<div, div_outputs>{"div", "a, b", true});
  visit(Kernel<neg, number_like>{"neg", "a", true});
  visit(Kernel<relu, float_like>{"relu", "a", true});
  visit(Kernel<relu_backward, relu_backward_outputs>{"relu_backward", "grad, y", true});
  visit(Kernel<copy, copy_outputs>{"copy", "a, dtype"});
  visit(Kernel<full, full_outputs>{"full", "shape, value, dtype"});
  visit(Kernel<sum, sum_outputs>{"sum", "a, axis=None, keepdims=False"});
  visit(Kernel<matmul, matmul_outputs>{"matmul", "a, b, bias=None, act=None"});
  visit(Kernel<softmax, softmax_outputs>{"softmax", "a"});
  visit(Kernel<softmax_backward, softmax_backward_outputs>{"softmax_backward", "grad, y"});
  visit(Kernel<cross_entropy, cross_entropy_outputs>{"cross_entropy", "logits, labels, with_grad=False"});
  visit(Kernel<uniform, uniform_outputs>{"uniform", "state, shape, low, high, dtype"});
  visit(Kernel<sgd_step, sgd_step_check>{"sgd_step",
                                         "params, grads, buffers, lr, momentum=0.0, weight_decay=0.0, nesterov=False"});
}

}  // namespace pe
