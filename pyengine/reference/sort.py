"""Order along an axis, and where the elements stood. NaN counts as greater than all; equal ones keep their order."""

import numpy as np

from ._common import Array, ieee, number_only

__all__ = ["sort", "topk"]


@ieee
def sort(a: Array, axis: int, descending: bool = False, out: tuple[Array, Array] | None = None) -> tuple[Array, Array]:
    number_only("sort", a)
    if not -a.ndim <= axis < a.ndim:
        raise ValueError(f"sort: axis {axis} does not exist in shape {a.shape}")
    if descending:
        # reversed before and after, so that equal elements, reversed twice, keep their order
        order = a.shape[axis] - 1 - np.flip(np.argsort(np.flip(a, axis), axis=axis, kind="stable"), axis)
    else:
        order = np.argsort(a, axis=axis, kind="stable")
    return _both(np.take_along_axis(a, order, axis), order.astype(np.int64), out)


@ieee
def topk(
    a: Array, k: int, axis: int, largest: bool = True, out: tuple[Array, Array] | None = None
) -> tuple[Array, Array]:
    values, indices = sort(a, axis, largest)
    if not 0 <= k <= a.shape[axis]:
        raise ValueError(f"topk: k is {k}, the axis has {a.shape[axis]} elements")
    first = np.arange(k)
    return _both(np.take(values, first, axis), np.take(indices, first, axis), out)


def _both(values: Array, indices: Array, out: tuple[Array, Array] | None) -> tuple[Array, Array]:
    if out is None:
        return values, indices
    for target, result in zip(out, (values, indices), strict=True):
        if target.shape != result.shape:
            raise ValueError(f"out has shape {target.shape}, the result {result.shape}")
        target[...] = result
    return out
