"""Images a[n, c, rows, columns] of another size: each pixel the nearest one, or a mean of four."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from ..windows import Pair
from ._common import Array, float_only, ieee, result

__all__ = ["upsample2d", "upsample2d_backward"]

# For each output pixel of an axis, two pixels of the input and the share of the second
Mixture: TypeAlias = tuple[Array, Array, Array]


@ieee
def upsample2d(
    a: Array,
    size: Pair,
    row_step: float,
    column_step: float,
    bilinear: bool = False,
    align_corners: bool = False,
    out: Array | None = None,
) -> Array:
    _check("upsample2d", a, size)
    steps = (row_step, column_step)
    (top, bottom, below), (left, right, beyond) = _mixtures(a.shape[2:], size, steps, bilinear, align_corners)
    if not bilinear:
        return result(a[:, :, top[:, None], left], out)
    below, beyond = below.astype(a.dtype), beyond.astype(a.dtype)
    mixed = (1 - beyond) * a[..., left] + beyond * a[..., right]
    return result((1 - below)[:, None] * mixed[:, :, top] + below[:, None] * mixed[:, :, bottom], out)


@ieee
def upsample2d_backward(
    grad: Array,
    size: Pair,
    row_step: float,
    column_step: float,
    bilinear: bool = False,
    align_corners: bool = False,
    out: Array | None = None,
) -> Array:
    _check("upsample2d_backward", grad, size)
    steps = (row_step, column_step)
    (top, bottom, below), (left, right, beyond) = _mixtures(size, grad.shape[2:], steps, bilinear, align_corners)
    below, beyond = below.astype(grad.dtype), beyond.astype(grad.dtype)
    rows = np.zeros((*grad.shape[:2], size[0], grad.shape[3]), grad.dtype)
    for o in range(grad.shape[2]):
        rows[:, :, top[o]] += (1 - below[o]) * grad[:, :, o]
        if bilinear:
            rows[:, :, bottom[o]] += below[o] * grad[:, :, o]
    da = np.zeros((*grad.shape[:2], *size), grad.dtype)
    for o in range(grad.shape[3]):
        da[..., left[o]] += (1 - beyond[o]) * rows[..., o]
        if bilinear:
            da[..., right[o]] += beyond[o] * rows[..., o]
    return result(da, out)


def _mixtures(
    size: Sequence[int], result_size: Sequence[int], steps: tuple[float, float], bilinear: bool, align_corners: bool
) -> list[Mixture]:
    """Those of the rows and of the columns."""
    axes = zip(size, result_size, steps, strict=True)
    return [_mixture(length, count, step, bilinear, align_corners) for length, count, step in axes]


def _mixture(length: int, count: int, step: float, bilinear: bool, align_corners: bool) -> Mixture:
    place = np.arange(count, dtype=np.float64) * step
    if not bilinear:
        place = place * (1 + 2.0**-50)  # for what a rounded step may lack of a whole number
    elif not align_corners:
        place = np.maximum((np.arange(count) + 0.5) * step - 0.5, 0.0)
    place = np.minimum(place, length - 1)
    first = np.floor(place).astype(np.int64)
    return first, np.minimum(first + 1, length - 1), place - first if bilinear else np.zeros(count)


def _check(kernel: str, a: Array, size: Pair) -> None:
    float_only(kernel, a)
    if a.ndim != 4 or min(*a.shape[2:], *size) < 1:
        raise ValueError(f"{kernel}: images of shape {a.shape} cannot become {size}")
