"""Losses element by element, and their slopes."""

import numpy as np

from ._common import Array, float_only, ieee, result, same_dtype

__all__ = ["bce_with_logits", "bce_with_logits_slope", "clip_size", "huber", "small_size"]


@ieee
def huber(a: Array, delta: float = 1.0, out: Array | None = None) -> Array:
    float_only("huber", a)
    half, limit, size = a.dtype.type(0.5), a.dtype.type(delta), np.abs(a)
    return result(np.where(size > limit, limit * (size - half * limit), half * a * a), out)


@ieee
def clip_size(a: Array, most: float, out: Array | None = None) -> Array:
    float_only("clip_size", a)
    return result(np.clip(a, a.dtype.type(-most), a.dtype.type(most)), out)


@ieee
def small_size(a: Array, most: float, out: Array | None = None) -> Array:
    float_only("small_size", a)
    return result((np.abs(a) < a.dtype.type(most)).astype(a.dtype), out)


@ieee
def bce_with_logits(a: Array, target: Array, pos_weight: Array, out: Array | None = None) -> Array:
    _check("bce_with_logits", a, target, pos_weight)
    softplus = np.log1p(np.exp(-np.abs(a))) + np.maximum(-a, a.dtype.type(0))  # log(1 + exp(-a))
    return result((1 - target) * a + (1 + (pos_weight - 1) * target) * softplus, out)


@ieee
def bce_with_logits_slope(a: Array, target: Array, pos_weight: Array, out: Array | None = None) -> Array:
    _check("bce_with_logits_slope", a, target, pos_weight)
    e = np.exp(-np.abs(a))
    complement = np.where(a > 0, e, a.dtype.type(1)) / (1 + e)  # 1 - sigmoid(a)
    complement = np.where(np.isnan(a), a, complement)
    return result((1 - target) - (1 + (pos_weight - 1) * target) * complement, out)


def _check(kernel: str, a: Array, target: Array, pos_weight: Array) -> None:
    float_only(kernel, a)
    same_dtype(kernel, a, target)
    same_dtype(kernel, a, pos_weight)
