"""Each channel of a[n, c, …] brought to mean 0 and variance 1, then scaled and shifted."""

from collections.abc import Sequence

import numpy as np

from ._common import Array, float_only, ieee, result, results, same_dtype

__all__ = ["batch_norm", "batch_norm_backward", "batch_norm_eval", "batch_norm_track"]


@ieee
def batch_norm(
    a: Array, weight: Array, bias: Array, eps: float = 1e-5, out: tuple[Array, Array, Array] | None = None
) -> tuple[Array, Array, Array]:
    _check("batch_norm", a, weight, bias)
    count = _count(a)
    if count == 1:
        raise ValueError(f"batch_norm: one element for each channel of {a.shape} has no variance")
    mean = a.sum(axis=_others(a)) / a.dtype.type(count)
    variance = ((a - _channels(mean, a)) ** 2).sum(axis=_others(a)) / a.dtype.type(count)
    return results((_normalised(a, weight, bias, mean, variance, eps), mean, variance), out)


@ieee
def batch_norm_eval(
    a: Array,
    weight: Array,
    bias: Array,
    mean: Array,
    variance: Array,
    eps: float = 1e-5,
    out: Array | None = None,
) -> Array:
    _check("batch_norm_eval", a, weight, bias, mean, variance)
    return result(_normalised(a, weight, bias, mean, variance, eps), out)


@ieee
def batch_norm_backward(
    grad: Array,
    a: Array,
    weight: Array,
    mean: Array,
    variance: Array,
    eps: float = 1e-5,
    out: tuple[Array, Array, Array] | None = None,
) -> tuple[Array, Array, Array]:
    _check("batch_norm_backward", a, weight, mean, variance)
    same_dtype("batch_norm_backward", grad, a)
    if grad.shape != a.shape:
        raise ValueError(f"batch_norm_backward: shapes {grad.shape} and {a.shape} differ")
    rstd = _rstd(variance, eps)
    x = (a - _channels(mean, a)) * _channels(rstd, a)
    dweight, dbias = (grad * x).sum(axis=_others(a)), grad.sum(axis=_others(a))
    count = a.dtype.type(_count(a))
    centred = grad - _channels(dbias / count, a) - x * _channels(dweight / count, a)
    return results((_channels(weight * rstd, a) * centred, dweight, dbias), out)


@ieee
def batch_norm_track(
    running: Sequence[Array], mean: Array, variance: Array, count: float, momentum: float = 0.1
) -> None:
    same_dtype("batch_norm_track", mean, variance)
    if len(running) not in (2, 3) or count < 2:
        raise ValueError("batch_norm_track: running holds mean, variance and perhaps a count; and count is at least 2")
    factor = momentum
    if len(running) == 3:
        running[2][...] += 1
        if momentum < 0:
            factor = 1.0 / float(running[2].reshape(()))
    kind = mean.dtype.type
    for old, new in zip(running, (mean, variance * kind(count / (count - 1))), strict=False):
        old[...] = kind(1 - factor) * old + kind(factor) * new


def _others(a: Array) -> tuple[int, ...]:
    """All axes but that of the channels."""
    return (0, *range(2, a.ndim))


def _count(a: Array) -> int:
    """The elements of a channel."""
    return a.size // max(a.shape[1], 1)


def _channels(v: Array, a: Array) -> Array:
    return v.reshape(-1, *(1,) * (a.ndim - 2))


def _rstd(variance: Array, eps: float) -> Array:
    return np.asarray(variance.dtype.type(1) / np.sqrt(variance + variance.dtype.type(eps)))


def _normalised(a: Array, weight: Array, bias: Array, mean: Array, variance: Array, eps: float) -> Array:
    scale = _channels(weight * _rstd(variance, eps), a)
    return np.asarray((a - _channels(mean, a)) * scale + _channels(bias, a))


def _check(kernel: str, a: Array, *vectors: Array) -> None:
    float_only(kernel, a)
    if a.ndim < 2:
        raise ValueError(f"{kernel}: needs samples and channels, not shape {a.shape}")
    for vector in vectors:
        same_dtype(kernel, a, vector)
        if vector.shape != a.shape[1:2]:
            raise ValueError(f"{kernel}: {a.shape[1]} channels need as many elements, got {vector.shape}")
