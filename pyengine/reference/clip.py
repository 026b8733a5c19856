"""Clipping: the norm of many arrays together, scaling and clamping them in place."""

from collections.abc import Sequence

import numpy as np

from ._common import Array, float_only, ieee, result, same_dtype

__all__ = ["clamp_all", "clip_factor", "global_norm", "scale_all"]


@ieee
def global_norm(arrays: Sequence[Array], out: Array | None = None) -> Array:
    if not arrays:
        raise ValueError("global_norm: needs at least one array")
    for a in arrays:
        float_only("global_norm", a)
        same_dtype("global_norm", arrays[0], a)
    dtype = arrays[0].dtype
    wide = np.promote_types(dtype, np.float64)  # in which no square of a float32 overflows
    squares = [np.square(a.astype(wide)).sum() for a in arrays]
    return result(np.sqrt(np.sum(squares)).astype(dtype), out)


@ieee
def clip_factor(norm: Array, max_norm: float, out: Array | None = None) -> Array:
    float_only("clip_factor", norm)
    if norm.size != 1 or norm.ndim > 1:
        raise ValueError(f"clip_factor: norm has one element, not {norm.shape}")
    wide = np.promote_types(norm.dtype, np.float64)
    return result(np.minimum(1, max_norm / (norm.astype(wide) + 1e-6)).astype(norm.dtype), out)


@ieee
def scale_all(arrays: Sequence[Array], factor: Array) -> None:
    if factor.size != 1:
        raise ValueError(f"scale_all: factor has one element, not {factor.shape}")
    for a in arrays:
        float_only("scale_all", a)
        a *= factor.reshape(()).astype(a.dtype)


@ieee
def clamp_all(arrays: Sequence[Array], limit: float) -> None:
    if not limit >= 0:
        raise ValueError(f"clamp_all: limit must be at least 0, not {limit}")
    for a in arrays:
        float_only("clamp_all", a)
        np.clip(a, a.dtype.type(-limit), a.dtype.type(limit), out=a)
