// out[i] = f(a[i]) for the smooth and leaky activations, and grad[i] · f'(a[i]). T; both inputs of one shape.
#pragma once

#include "kernels/rules.h"

namespace pe {

// With s(x) = 1 / (1 + exp(-x)):
void gelu(In a, Out out);                                     // a · (1 + erf(a / sqrt(2))) / 2
void gelu_tanh(In a, Out out);                                // a · s(2 sqrt(2 / pi) (a + 0.044715 a^3))
void silu(In a, Out out);                                     // a · s(a)
void softplus(In a, double beta, double threshold, Out out);  // log(1 + exp(beta a)) / beta; a where beta a > threshold
void leaky_relu(In a, double negative_slope, Out out);        // a > 0 ? a : negative_slope · a
void elu(In a, double alpha, Out out);                        // a > 0 ? a : alpha (exp(a) - 1)

void gelu_backward(In grad, In a, Out out);
void gelu_tanh_backward(In grad, In a, Out out);
void silu_backward(In grad, In a, Out out);
void softplus_backward(In grad, In a, double beta, double threshold, Out out);
void leaky_relu_backward(In grad, In a, double negative_slope, Out out);
void elu_backward(In grad, In a, double alpha, Out out);

Spec like_set(In a, double);                // float_like, of a kernel with one setting
Spec like_set_twice(In a, double, double);  // with two
Spec matching_set(In grad, In a, double);   // matching, with one
Spec matching_set_twice(In grad, In a, double, double);

template <class Visitor>
void for_each_activations_kernel(Visitor&& visit) {
  visit(Kernel<gelu, float_like>{"gelu", "a", true});
  visit(Kernel<gelu_tanh, float_like>{"gelu_tanh", "a", true});
  visit(Kernel<silu, float_like>{"silu", "a", true});
  visit(Kernel<softplus, like_set_twice>{"softplus", "a, beta=1.0, threshold=20.0", true});
  visit(Kernel<leaky_relu, like_set>{"leaky_relu", "a, negative_slope=0.01", true});
  visit(Kernel<elu, like_set>{"elu", "a, alpha=1.0", true});
  visit(Kernel<gelu_backward, matching>{"gelu_backward", "grad, a", true});
  visit(Kernel<gelu_tanh_backward, matching>{"gelu_tanh_backward", "grad, a", true});
  visit(Kernel<silu_backward, matching>{"silu_backward", "grad, a", true});
  visit(Kernel<softplus_backward, matching_set_twice>{"softplus_backward", "grad, a, beta=1.0, threshold=20.0", true});
  visit(Kernel<leaky_relu_backward, matching_set>{"leaky_relu_backward", "grad, a, negative_slope=0.01", true});
  visit(Kernel<elu_backward, matching_set>{"elu_backward", "grad, a, alpha=1.0", true});
}

}  // namespace pe
