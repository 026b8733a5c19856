"""Along the last axis: the greatest or least element with its place, and what their gradients need."""

import numpy as np

from ._common import Array, float_only, ieee, last_axis, number_only, result, results, same_dtype

__all__ = ["extremum_shares", "max", "min", "put_last", "take_last"]


@ieee
def max(a: Array, out: tuple[Array, Array] | None = None) -> tuple[Array, Array]:
    number_only("max", a)
    last_axis("max", a)
    indices = a.argmax(axis=-1)
    return results((_taken(a, indices), indices), out)


@ieee
def min(a: Array, out: tuple[Array, Array] | None = None) -> tuple[Array, Array]:
    number_only("min", a)
    last_axis("min", a)
    indices = a.argmin(axis=-1)
    return results((_taken(a, indices), indices), out)


@ieee
def extremum_shares(a: Array, y: Array, out: Array | None = None) -> Array:
    same_dtype("extremum_shares", a, y)
    float_only("extremum_shares", a)
    _one_a_row("extremum_shares", a, y)
    equal = (a == y[..., None]) | (np.isnan(a) & np.isnan(y[..., None]))
    count = equal.sum(axis=-1, keepdims=True).astype(a.dtype)
    return result(np.where(equal, a.dtype.type(1) / count, a.dtype.type(0)), out)


def take_last(a: Array, index: Array, out: Array | None = None) -> Array:
    number_only("take_last", a)
    _one_a_row("take_last", a, index)
    _check_index("take_last", index, a.shape[-1])
    return result(_taken(a, index), out)


def put_last(grad: Array, index: Array, length: int, out: Array | None = None) -> Array:
    number_only("put_last", grad)
    if grad.shape != index.shape:
        raise ValueError(f"put_last: shapes {grad.shape} and {index.shape} differ")
    _check_index("put_last", index, length)
    placed = np.zeros((*grad.shape, length), grad.dtype)
    np.put_along_axis(placed, index[..., None], grad[..., None], axis=-1)
    return result(placed, out)


def _taken(a: Array, index: Array) -> Array:
    return np.take_along_axis(a, np.asarray(index)[..., None], axis=-1)[..., 0]


def _one_a_row(kernel: str, a: Array, y: Array) -> None:
    last_axis(kernel, a)
    if y.shape != a.shape[:-1]:
        raise ValueError(f"{kernel}: each row of {a.shape} needs one element, got {y.shape}")


def _check_index(kernel: str, index: Array, length: int) -> None:
    if index.dtype != np.int64:
        raise TypeError(f"{kernel}: indices are int64, not {index.dtype}")
    bad = np.flatnonzero((index < 0) | (index >= length))
    if bad.size:
        row = bad[0]
        raise ValueError(f"{kernel}: index {index.flat[row]} of row {row} is outside an axis of {length}")
