"""Each row divided by the root of its mean square, then scaled."""

import numpy as np

from ._common import Array, float_only, ieee, last_axis, results, same_dtype

__all__ = ["rms_norm", "rms_norm_backward"]


@ieee
def rms_norm(a: Array, weight: Array, eps: float = 1e-5, out: tuple[Array, Array] | None = None) -> tuple[Array, Array]:
    _check("rms_norm", a, weight)
    square = (a**2).sum(axis=-1, keepdims=True) / a.dtype.type(a.shape[-1])
    rstd = a.dtype.type(1) / np.sqrt(square + a.dtype.type(eps))
    return results((a * rstd * weight, rstd[..., 0]), out)


@ieee
def rms_norm_backward(
    grad: Array, a: Array, weight: Array, rstd: Array, out: tuple[Array, Array] | None = None
) -> tuple[Array, Array]:
    _check("rms_norm_backward", a, weight)
    same_dtype("rms_norm_backward", grad, a)
    same_dtype("rms_norm_backward", rstd, a)
    if grad.shape != a.shape:
        raise ValueError(f"rms_norm_backward: shapes {grad.shape} and {a.shape} differ")
    if rstd.shape != a.shape[:-1]:
        raise ValueError(f"rms_norm_backward: rows of shape {a.shape[:-1]} need as many rstd, got {rstd.shape}")
    h, r = grad * weight, rstd[..., None]
    mean = (h * a).sum(axis=-1, keepdims=True) / a.dtype.type(a.shape[-1])
    rows = tuple(range(a.ndim - 1))
    return results((r * h - a * (r**3 * mean), (grad * a * r).sum(axis=rows)), out)


def _check(kernel: str, a: Array, weight: Array) -> None:
    float_only(kernel, a)
    last_axis(kernel, a)
    same_dtype(kernel, a, weight)
    if weight.shape != a.shape[-1:]:
        raise ValueError(f"{kernel}: rows of {a.shape[-1]} need as many weights, got {weight.shape}")
