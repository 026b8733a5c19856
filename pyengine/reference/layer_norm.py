"""Each row brought to mean 0 and variance 1, then scaled and shifted."""

import numpy as np

from ._common import Array, float_only, ieee, last_axis, results, same_dtype

__all__ = ["layer_norm", "layer_norm_backward"]


@ieee
def layer_norm(
    a: Array, weight: Array, bias: Array, eps: float = 1e-5, out: tuple[Array, Array] | None = None
) -> tuple[Array, Array]:
    _check("layer_norm", a, weight, bias)
    x, rstd = _normalised(a, eps)
    return results((x * weight + bias, rstd[..., 0]), out)


@ieee
def layer_norm_backward(
    grad: Array, a: Array, weight: Array, eps: float = 1e-5, out: tuple[Array, Array, Array] | None = None
) -> tuple[Array, Array, Array]:
    _check("layer_norm_backward", a, weight)
    same_dtype("layer_norm_backward", grad, a)
    if grad.shape != a.shape:
        raise ValueError(f"layer_norm_backward: shapes {grad.shape} and {a.shape} differ")
    x, rstd = _normalised(a, eps)
    h, n = grad * weight, a.dtype.type(a.shape[-1])
    mean_h, mean_hx = h.sum(axis=-1, keepdims=True) / n, (h * x).sum(axis=-1, keepdims=True) / n
    rows = tuple(range(a.ndim - 1))
    return results((rstd * (h - mean_h - x * mean_hx), (grad * x).sum(axis=rows), grad.sum(axis=rows)), out)


def _normalised(a: Array, eps: float) -> tuple[Array, Array]:
    n = a.dtype.type(a.shape[-1])
    centred = a - a.sum(axis=-1, keepdims=True) / n
    variance = (centred**2).sum(axis=-1, keepdims=True) / n
    rstd = a.dtype.type(1) / np.sqrt(variance + a.dtype.type(eps))
    return centred * rstd, rstd


def _check(kernel: str, a: Array, *columns: Array) -> None:
    float_only(kernel, a)
    last_axis(kernel, a)
    for column in columns:
        same_dtype(kernel, a, column)
        if column.shape != a.shape[-1:]:
            raise ValueError(f"{kernel}: rows of {a.shape[-1]} need as many weights and biases, got {column.shape}")
