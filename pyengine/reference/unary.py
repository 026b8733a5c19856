"""out[i] = f(a[i]): functions of one argument."""

import math

import numpy as np

from ._common import Array, float_only, ieee, number_only, result

__all__ = [
    "abs", "ceil", "cos", "erf", "expm1", "floor", "log", "log1p", "reciprocal", "round", "rsqrt", "sigmoid",
    "sign", "sin", "sqrt", "tanh", "trunc",
]  # fmt: skip

_erf = np.frompyfunc(math.erf, 1, 1)  # NumPy has none


@ieee
def abs(a: Array, out: Array | None = None) -> Array:
    number_only("abs", a)
    return result(np.abs(a), out)


@ieee
def sign(a: Array, out: Array | None = None) -> Array:
    number_only("sign", a)
    return result(np.sign(a), out)


@ieee
def sqrt(a: Array, out: Array | None = None) -> Array:
    float_only("sqrt", a)
    return result(np.sqrt(a), out)


@ieee
def rsqrt(a: Array, out: Array | None = None) -> Array:
    float_only("rsqrt", a)
    return result(1 / np.sqrt(a), out)


@ieee
def reciprocal(a: Array, out: Array | None = None) -> Array:
    float_only("reciprocal", a)
    return result(1 / a, out)


@ieee
def log(a: Array, out: Array | None = None) -> Array:
    float_only("log", a)
    return result(np.log(a), out)


@ieee
def log1p(a: Array, out: Array | None = None) -> Array:
    float_only("log1p", a)
    return result(np.log1p(a), out)


@ieee
def expm1(a: Array, out: Array | None = None) -> Array:
    float_only("expm1", a)
    return result(np.expm1(a), out)


@ieee
def sin(a: Array, out: Array | None = None) -> Array:
    float_only("sin", a)
    return result(np.sin(a), out)


@ieee
def cos(a: Array, out: Array | None = None) -> Array:
    float_only("cos", a)
    return result(np.cos(a), out)


@ieee
def tanh(a: Array, out: Array | None = None) -> Array:
    float_only("tanh", a)
    return result(np.tanh(a), out)


@ieee
def sigmoid(a: Array, out: Array | None = None) -> Array:
    float_only("sigmoid", a)
    return result(1 / (1 + np.exp(-a)), out)


@ieee
def erf(a: Array, out: Array | None = None) -> Array:
    float_only("erf", a)
    return result(np.asarray(_erf(a.astype(np.float64)), dtype=np.float64).astype(a.dtype), out)


@ieee
def floor(a: Array, out: Array | None = None) -> Array:
    float_only("floor", a)
    return result(np.floor(a), out)


@ieee
def ceil(a: Array, out: Array | None = None) -> Array:
    float_only("ceil", a)
    return result(np.ceil(a), out)


@ieee
def round(a: Array, out: Array | None = None) -> Array:
    float_only("round", a)
    return result(np.rint(a), out)


@ieee
def trunc(a: Array, out: Array | None = None) -> Array:
    float_only("trunc", a)
    return result(np.trunc(a), out)
