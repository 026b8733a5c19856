"""The logarithm of softmax, and of its sum, over the last axis."""

import numpy as np

from ._common import Array, float_only, ieee, last_axis, result, same_dtype

__all__ = ["log_softmax", "log_softmax_backward", "logsumexp"]


@ieee
def log_softmax(a: Array, out: Array | None = None) -> Array:
    float_only("log_softmax", a)
    last_axis("log_softmax", a)
    if a.size == 0:
        return result(a.copy(), out)
    shifted = a - a.max(axis=-1, keepdims=True)
    return result(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)), out)


@ieee
def log_softmax_backward(grad: Array, y: Array, out: Array | None = None) -> Array:
    same_dtype("log_softmax_backward", grad, y)
    if grad.shape != y.shape:
        raise ValueError(f"log_softmax_backward: shapes {grad.shape} and {y.shape} differ")
    return result(grad - np.exp(y) * grad.sum(axis=-1, keepdims=True), out)


@ieee
def logsumexp(a: Array, out: Array | None = None) -> Array:
    float_only("logsumexp", a)
    last_axis("logsumexp", a)
    most = a.max(axis=-1, initial=-np.inf)
    shift = np.where(np.isinf(most), a.dtype.type(0), most)  # inf - inf would be NaN
    return result(np.log(np.exp(a - shift[..., None]).sum(axis=-1)) + shift, out)
