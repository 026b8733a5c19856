"""Putting arrays together, and cutting matrices along a diagonal."""

from collections.abc import Sequence

import numpy as np

from ._common import Array, ieee, result, same_dtype

__all__ = ["concat", "tril", "triu"]


@ieee
def concat(arrays: Sequence[Array], axis: int, out: Array | None = None) -> Array:
    for a in arrays[1:]:
        same_dtype("concat", arrays[0], a)
    return result(np.concatenate(arrays, axis), out)


@ieee
def tril(a: Array, diagonal: int, out: Array | None = None) -> Array:
    return result(np.where(_columns_minus_rows("tril", a) <= diagonal, a, np.zeros((), a.dtype)), out)


@ieee
def triu(a: Array, diagonal: int, out: Array | None = None) -> Array:
    return result(np.where(_columns_minus_rows("triu", a) >= diagonal, a, np.zeros((), a.dtype)), out)


def _columns_minus_rows(kernel: str, a: Array) -> Array:
    if a.ndim < 2:
        raise ValueError(f"{kernel}: needs at least two axes, not shape {a.shape}")
    return np.arange(a.shape[-1]) - np.arange(a.shape[-2])[:, None]
