"""Reductions over any set of axes."""

import numpy as np

from ._common import Array, ieee, number_only, result

__all__ = ["all", "amax", "amin", "any", "prod", "sum"]

Axis = int | tuple[int, ...] | None


@ieee
def sum(a: Array, axis: Axis = None, keepdims: bool = False, out: Array | None = None) -> Array:
    number_only("sum", a)
    return result(a.sum(axis=axis, keepdims=keepdims, dtype=a.dtype), out)


@ieee
def prod(a: Array, axis: Axis = None, keepdims: bool = False, out: Array | None = None) -> Array:
    number_only("prod", a)
    return result(a.prod(axis=axis, keepdims=keepdims, dtype=a.dtype), out)


@ieee
def amax(a: Array, axis: Axis = None, keepdims: bool = False, out: Array | None = None) -> Array:
    number_only("amax", a)
    return result(a.max(axis=axis, keepdims=keepdims), out)


@ieee
def amin(a: Array, axis: Axis = None, keepdims: bool = False, out: Array | None = None) -> Array:
    number_only("amin", a)
    return result(a.min(axis=axis, keepdims=keepdims), out)


def any(a: Array, axis: Axis = None, keepdims: bool = False, out: Array | None = None) -> Array:
    bool_only("any", a)
    return result(a.any(axis=axis, keepdims=keepdims), out)


def all(a: Array, axis: Axis = None, keepdims: bool = False, out: Array | None = None) -> Array:
    bool_only("all", a)
    return result(a.all(axis=axis, keepdims=keepdims), out)


def bool_only(kernel: str, a: Array) -> None:
    if a.dtype != np.bool_:
        raise TypeError(f"{kernel}: needs bool, not {a.dtype}")
