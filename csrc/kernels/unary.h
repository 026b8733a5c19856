// out[i] = f(a[i]): functions of one argument. NaN travels; the rest as IEEE 754 recommends.
#pragma once

#include "kernels/rules.h"

namespace pe {

// T and int64
void abs(In a, Out out);
void sign(In a, Out out);  // -1, 0 or 1

// T
void sqrt(In a, Out out);
void rsqrt(In a, Out out);
void reciprocal(In a, Out out);
void log(In a, Out out);
void log1p(In a, Out out);
void expm1(In a, Out out);
void sin(In a, Out out);
void cos(In a, Out out);
void tanh(In a, Out out);
void sigmoid(In a, Out out);
void erf(In a, Out out);
void floor(In a, Out out);
void ceil(In a, Out out);
void round(In a, Out out);  // a half goes to the even neighbour
void trunc(In a, Out out);

template <class Visitor>
void for_each_unary_kernel(Visitor&& visit) {
  visit(Kernel<abs, number_like>{"abs", "a", true});
  visit(Kernel<sign, number_like>{"sign", "a", true});
  visit(Kernel<sqrt, float_like>{"sqrt", "a", true});
  visit(Kernel<rsqrt, float_like>{"rsqrt", "a", true});
  visit(Kernel<reciprocal, float_like>{"reciprocal", "a", true});
  visit(Kernel<log, float_like>{"log", "a", true});
  visit(Kernel<log1p, float_like>{"log1p", "a", true});
  visit(Kernel<expm1, float_like>{"expm1", "a", true});
  visit(Kernel<sin, float_like>{"sin", "a", true});
  visit(Kernel<cos, float_like>{"cos", "a", true});
  visit(Kernel<tanh, float_like>{"tanh", "a", true});
  visit(Kernel<sigmoid, float_like>{"sigmoid", "a", true});
  visit(Kernel<erf, float_like>{"erf", "a", true});
  visit(Kernel<floor, float_like>{"floor", "a", true});
  visit(Kernel<ceil, float_like>{"ceil", "a", true});
  visit(Kernel<round, float_like>{"round", "a", true});
  visit(Kernel<trunc, float_like>{"trunc", "a", true});
}

}  // namespace pe
