"""Choosing elements by position (int64), and putting them back."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ._common import Array, ieee, number_only, result, same_dtype

__all__ = ["gather", "index", "index_add", "index_put", "scatter", "scatter_add"]


def _check(kernel: str, positions: Array, axis: int, length: int, wrap: bool) -> None:
    if positions.dtype != np.int64:
        raise TypeError(f"{kernel}: positions are int64, not {positions.dtype}")
    lowest = -length if wrap else 0
    bad = positions[(positions < lowest) | (positions >= length)]
    if bad.size:
        inside = f": {lowest} to {length - 1} are inside" if length else ""
        raise IndexError(
            f"{kernel}: position {bad.reshape(-1)[0]} is outside of axis {axis}, which has length {length}{inside}"
        )


def _key(
    kernel: str, shape: tuple[int, ...], indices: Sequence[Array], axes: Sequence[int], wrap: bool
) -> tuple[Any, ...]:
    """The NumPy index of arrays of positions along `axes`."""
    if not indices or len(indices) != len(axes) or sorted(set(axes)) != list(axes) or axes[-1] >= len(shape):
        raise ValueError(f"{kernel}: {len(indices)} arrays of positions for the axes {axes} of {shape}")
    key: list[Any] = [slice(None)] * len(shape)
    for positions, axis in zip(indices, axes, strict=True):
        _check(kernel, positions, axis, shape[axis], wrap)
        key[axis] = positions
    return tuple(key)


def _sparse_key(kernel: str, shape: tuple[int, ...], positions: Array, axis: int) -> tuple[Any, ...]:
    """The NumPy index of positions along one axis of each line."""
    axis = _axis(kernel, axis, len(shape))
    fits = positions.ndim == len(shape)
    if not fits or any(i != axis and positions.shape[i] > n for i, n in enumerate(shape)):
        raise ValueError(f"{kernel}: index {positions.shape} does not fit {shape} along axis {axis}")
    _check(kernel, positions, axis, shape[axis], wrap=False)
    key: list[Any] = list(np.indices(positions.shape, sparse=True))
    key[axis] = positions
    return tuple(key)


def _in_order(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """The index with its arrays laid out such that NumPy takes the positions in their order."""
    arrays = [k.copy(order="C") for k in np.broadcast_arrays(*(k for k in key if isinstance(k, np.ndarray)))]
    return tuple(arrays.pop(0) if isinstance(k, np.ndarray) else k for k in key)


def _axis(kernel: str, axis: int, ndim: int) -> int:
    if not -ndim <= axis < ndim:
        raise ValueError(f"{kernel}: axis {axis} does not exist in {ndim} axes")
    return axis % ndim


@ieee
def index(
    a: Array, indices: Sequence[Array], axes: tuple[int, ...], wrap: bool = True, out: Array | None = None
) -> Array:
    return result(a[_key("index", a.shape, indices, axes, wrap)], out)


@ieee
def index_put(a: Array, src: Array, indices: Sequence[Array], axes: tuple[int, ...], out: Array | None = None) -> Array:
    same_dtype("index_put", a, src)
    key = _key("index_put", a.shape, indices, axes, True)
    _same_shape("index_put", src, a[key].shape)
    put = a.copy(order="C")
    put[_in_order(key)] = src.copy(order="C")
    return result(put, out)


@ieee
def index_add(
    src: Array, indices: Sequence[Array], axes: tuple[int, ...], shape: tuple[int, ...], out: Array | None = None
) -> Array:
    number_only("index_add", src)
    sums = np.zeros(shape, src.dtype)
    key = _key("index_add", shape, indices, axes, True)
    _same_shape("index_add", src, sums[key].shape)
    np.add.at(sums, _in_order(key), src.copy(order="C"))
    return result(sums, out)


@ieee
def gather(a: Array, index: Array, axis: int, out: Array | None = None) -> Array:
    return result(a[_sparse_key("gather", a.shape, index, axis)], out)


@ieee
def scatter(a: Array, src: Array, index: Array, axis: int, out: Array | None = None) -> Array:
    same_dtype("scatter", a, src)
    _same_shape("scatter", src, index.shape)
    put = a.copy(order="C")
    put[_in_order(_sparse_key("scatter", a.shape, index, axis))] = src.copy(order="C")
    return result(put, out)


@ieee
def scatter_add(src: Array, index: Array, axis: int, shape: tuple[int, ...], out: Array | None = None) -> Array:
    number_only("scatter_add", src)
    _same_shape("scatter_add", src, index.shape)
    sums = np.zeros(shape, src.dtype)
    np.add.at(sums, _in_order(_sparse_key("scatter_add", shape, index, axis)), src.copy(order="C"))
    return result(sums, out)


def _same_shape(kernel: str, src: Array, shape: tuple[int, ...]) -> None:
    if src.shape != shape:
        raise ValueError(f"{kernel}: src has shape {src.shape}, the positions choose {shape}")
