"""Copying, casting and filling."""

import numpy as np

from ._common import Array, result

__all__ = ["copy", "full"]


def copy(a: Array, dtype: np.dtype, out: Array | None = None) -> Array:
    with np.errstate(invalid="ignore", over="ignore"):
        return result(a.astype(dtype, order="C", copy=True), out)


def full(shape: tuple[int, ...], value: float, dtype: np.dtype, out: Array | None = None) -> Array:
    return result(np.full(shape, value, dtype), out)
