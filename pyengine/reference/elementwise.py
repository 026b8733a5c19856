"""out[i] = f(a[i], b[i]), with NumPy's broadcasting."""

import numpy as np

from ._common import Array, float_only, ieee, number_only, result, same_dtype

__all__ = ["add", "div", "exp", "mul", "neg", "relu", "relu_backward", "square", "sub"]


@ieee
def add(a: Array, b: Array, out: Array | None = None) -> Array:
    same_dtype("add", a, b)
    number_only("add", a)
    return result(a + b, out)


@ieee
def sub(a: Array, b: Array, out: Array | None = None) -> Array:
    same_dtype("sub", a, b)
    number_only("sub", a)
    return result(a - b, out)


@ieee
def mul(a: Array, b: Array, out: Array | None = None) -> Array:
    same_dtype("mul", a, b)
    number_only("mul", a)
    return result(a * b, out)


@ieee
def div(a: Array, b: Array, out: Array | None = None) -> Array:
    same_dtype("div", a, b)
    float_only("div", a)
    return result(a / b, out)


@ieee
def neg(a: Array, out: Array | None = None) -> Array:
    number_only("neg", a)
    return result(-a, out)


@ieee
def relu(a: Array, out: Array | None = None) -> Array:
    float_only("relu", a)
    return result(np.maximum(a, np.zeros((), a.dtype)), out)


@ieee
def relu_backward(grad: Array, y: Array, out: Array | None = None) -> Array:
    same_dtype("relu_backward", grad, y)
    if grad.shape != y.shape:
        raise ValueError(f"relu_backward: shapes {grad.shape} and {y.shape} differ")
    return result(np.where(y > 0, grad, np.zeros((), grad.dtype)), out)


@ieee
def exp(a: Array, out: Array | None = None) -> Array:
    float_only("exp", a)
    return result(np.exp(a), out)


@ieee
def square(a: Array, out: Array | None = None) -> Array:
    float_only("square", a)
    return result(a * a, out)
