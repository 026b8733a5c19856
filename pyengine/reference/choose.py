"""One of several elements: by a condition, or by which is greater. NumPy's broadcasting."""

import numpy as np

from ._common import Array, ieee, number_only, result, same_dtype

__all__ = ["clamp", "maximum", "minimum", "where"]


def where(condition: Array, a: Array, b: Array, out: Array | None = None) -> Array:
    if condition.dtype != np.bool_:
        raise TypeError(f"where: the condition is bool, not {condition.dtype}")
    same_dtype("where", a, b)
    return result(np.where(condition, a, b), out)


@ieee
def maximum(a: Array, b: Array, out: Array | None = None) -> Array:
    same_dtype("maximum", a, b)
    number_only("maximum", a)
    return result(np.where((a >= b) | (a != a), a, b), out)  # of 0 and -0 the first; a NaN wherever there is one


@ieee
def minimum(a: Array, b: Array, out: Array | None = None) -> Array:
    same_dtype("minimum", a, b)
    number_only("minimum", a)
    return result(np.where((a <= b) | (a != a), a, b), out)


@ieee
def clamp(a: Array, low: Array, high: Array, out: Array | None = None) -> Array:
    return minimum(maximum(a, low), high, out)
