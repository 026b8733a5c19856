"""The greatest element of each window of an image a[n, c, rows, columns], with its place in the window."""

import numpy as np

from ..windows import Pair
from ._common import Array, float_only, ieee, result, results
from ._windows import counts, positions

__all__ = ["max_pool2d", "max_pool2d_backward", "max_pool2d_take"]


@ieee
def max_pool2d(
    a: Array,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    ceil_mode: bool = False,
    out: tuple[Array, Array] | None = None,
) -> tuple[Array, Array]:
    float_only("max_pool2d", a)
    count = counts("max_pool2d", a, kernel, stride, padding, dilation, ceil_mode)
    rows, columns = (positions(*each) for each in zip(count, kernel, stride, padding, dilation, strict=True))
    best = np.full((*a.shape[:2], *count), -np.inf, a.dtype)
    # the first place on the image, should no element be greater than -inf
    first = (rows < 0).sum(axis=1)[:, None] * kernel[1] + (columns < 0).sum(axis=1)
    places = np.broadcast_to(first, best.shape).astype(_places_dtype(kernel))
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            x = _at(a, rows[:, i, None], columns[:, j], -np.inf)
            chosen = (x > best) | (np.isnan(x) & ~np.isnan(best))
            best = np.where(chosen, x, best)
            places[chosen] = i * kernel[1] + j
    return results((best, places), out)


@ieee
def max_pool2d_backward(
    grad: Array,
    places: Array,
    size: Pair,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    out: Array | None = None,
) -> Array:
    float_only("max_pool2d_backward", grad)
    _check_places("max_pool2d_backward", grad, places, kernel)
    if grad.shape != places.shape:
        raise ValueError(f"max_pool2d_backward: shapes {grad.shape} and {places.shape} differ")
    da = np.zeros((*grad.shape[:2], *size), grad.dtype)
    rows, columns, inside = _chosen(places, size, kernel, stride, padding, dilation)
    image, channel = np.ogrid[: grad.shape[0], : grad.shape[1]]
    index = np.broadcast_arrays(image[..., None, None], channel[..., None, None], rows, columns)
    np.add.at(da, tuple(i[inside] for i in index), grad[inside])
    return result(da, out)


@ieee
def max_pool2d_take(
    a: Array, places: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, out: Array | None = None
) -> Array:
    float_only("max_pool2d_take", a)
    _check_places("max_pool2d_take", a, places, kernel)
    size = (a.shape[2], a.shape[3])
    rows, columns, inside = _chosen(places, size, kernel, stride, padding, dilation)
    image, channel = np.ogrid[: a.shape[0], : a.shape[1]]
    taken = a[image[..., None, None], channel[..., None, None], np.where(inside, rows, 0), np.where(inside, columns, 0)]
    return result(np.where(inside, taken, a.dtype.type(0)), out)


def _at(a: Array, rows: Array, columns: Array, filler: float) -> Array:
    """a[:, :, rows, columns], and `filler` for what lies outside."""
    inside = (rows >= 0) & (rows < a.shape[2]) & (columns >= 0) & (columns < a.shape[3])
    x = a[:, :, np.clip(rows, 0, a.shape[2] - 1), np.clip(columns, 0, a.shape[3] - 1)]
    return np.where(inside, x, a.dtype.type(filler))


def _chosen(
    places: Array, size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair
) -> tuple[Array, Array, Array]:
    """Rows and columns that `places` name, and whether they lie on an image of `size`."""
    along = []
    for axis, place in enumerate(np.divmod(places.astype(np.int64), kernel[1])):
        starts = np.arange(places.shape[2 + axis]) * stride[axis] - padding[axis]
        along.append((starts[:, None] if axis == 0 else starts) + place * dilation[axis])
    rows, columns = along
    inside = (rows >= 0) & (rows < size[0]) & (columns >= 0) & (columns < size[1])
    return rows, columns, inside


def _places_dtype(kernel: Pair) -> np.dtype:
    return np.dtype(np.uint8 if kernel[0] * kernel[1] <= 256 else np.int32)


def _check_places(kernel_name: str, a: Array, places: Array, kernel: Pair) -> None:
    wanted = _places_dtype(kernel)
    if places.dtype != wanted:
        raise TypeError(f"{kernel_name}: places in windows of {kernel} are {wanted}, not {places.dtype}")
    if a.ndim != 4 or places.ndim != 4 or places.shape[:2] != a.shape[:2]:
        raise ValueError(f"{kernel_name}: {a.shape} and {places.shape} are not images and their places")
