"""softmax(a) = exp(a - max) / sum(exp(a - max)) over the last axis.

Subtracting the maximum changes nothing in exact arithmetic and keeps exp from overflowing.
"""

import numpy as np

from ._common import Array, float_only, ieee, result, same_dtype

__all__ = ["softmax", "softmax_backward"]


@ieee
def softmax(a: Array, out: Array | None = None) -> Array:
    float_only("softmax", a)
    if a.ndim == 0:
        raise ValueError("softmax: needs at least one axis")
    if a.size == 0:
        return result(a.copy(), out)
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return result(e / e.sum(axis=-1, keepdims=True), out)


@ieee
def softmax_backward(grad: Array, y: Array, out: Array | None = None) -> Array:
    same_dtype("softmax_backward", grad, y)
    if grad.shape != y.shape:
        raise ValueError(f"softmax_backward: shapes {grad.shape} and {y.shape} differ")
    return result(y * (grad - (grad * y).sum(axis=-1, keepdims=True)), out)
