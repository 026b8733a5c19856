"""Reductions over any set of axes."""

from ._common import Array, ieee, number_only, result

__all__ = ["sum"]


@ieee
def sum(a: Array, axis: int | tuple[int, ...] | None = None, keepdims: bool = False, out: Array | None = None) -> Array:
    number_only("sum", a)
    return result(a.sum(axis=axis, keepdims=keepdims, dtype=a.dtype), out)
