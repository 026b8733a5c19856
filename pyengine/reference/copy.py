"""Copying, casting and filling."""

import numpy as np

from ._common import Array, ieee, result

__all__ = ["copy", "full"]


@ieee
def copy(a: Array, dtype: np.dtype, out: Array | None = None) -> Array:
    return result(a.astype(dtype, order="C", copy=True), out)


@ieee
def full(shape: tuple[int, ...], value: float, dtype: np.dtype, out: Array | None = None) -> Array:
    return result(np.full(shape, value, dtype), out)
