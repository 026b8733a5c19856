"""Copying, casting and filling."""

import numpy as np

from ..brain_float import is_bfloat16, rounded
from ._common import Array, ieee, result

__all__ = ["copy", "full"]


@ieee
def copy(a: Array, dtype: np.dtype, out: Array | None = None) -> Array:
    if is_bfloat16(dtype) and a.dtype != dtype:
        return result(np.ascontiguousarray(rounded(a)).reshape(a.shape), out)
    return result(a.astype(dtype, order="C", copy=True), out)


@ieee
def full(shape: tuple[int, ...], value: float, dtype: np.dtype, out: Array | None = None) -> Array:
    return result(np.full(shape, rounded(value) if is_bfloat16(dtype) else value, dtype), out)
