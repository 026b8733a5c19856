"""Reductions over axes."""

from collections.abc import Sequence
from typing import Any

from ..backend import Kernels
from .op import Attrs, Op, Spec, nbytes, size


def normalize_axes(op: str, axis: int | tuple[int, ...] | None, ndim: int) -> tuple[int, ...]:
    """The axes as sorted non-negative numbers; None is all of them.

    >>> normalize_axes("sum", -1, 3)
    (2,)
    >>> normalize_axes("sum", 3, 2)
    Traceback (most recent call last):
        ...
    ValueError: sum: axis 3 does not exist; the tensor has 2 axes, 0 to 1 or -2 to -1
    """
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    for a in axes:
        if not -ndim <= a < ndim:
            has = f"{ndim} axes, 0 to {ndim - 1} or {-ndim} to -1" if ndim else "no axes"
            raise ValueError(f"{op}: axis {a} does not exist; the tensor has {has}")
    found = tuple(sorted(a % ndim for a in axes))
    if len(set(found)) != len(found):
        raise ValueError(f"{op}: an axis is named twice in {axes}")
    return found


def reduced_shape(shape: tuple[int, ...], axes: tuple[int, ...], keepdims: bool) -> tuple[int, ...]:
    """The shape that is left when `axes` are reduced."""
    return tuple(1 if i in axes else n for i, n in enumerate(shape) if keepdims or i not in axes)


def _infer_sum(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    (a,) = specs
    if a.dtype.name not in ("float32", "float64", "int64"):
        raise TypeError(f"sum: computes in float32, float64 or int64, not {a.dtype}; cast with .to(pe.int64)")
    axes = normalize_axes("sum", attrs.get("axis"), len(a.shape))
    return [Spec(reduced_shape(a.shape, axes, attrs.get("keepdims", False)), a.dtype)]


def _sum(k: Kernels, a: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    return k.sum(a, axis=axis, keepdims=keepdims), (a.shape,)


def _sum_vjp(
    k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], axis: Any = None, keepdims: bool = False
) -> Any:
    (shape,) = saved
    axes = normalize_axes("sum", axis, len(shape))
    kept = grad if keepdims else k.reshape(grad, shape=reduced_shape(shape, axes, True))
    return (k.expand(kept, shape=shape),)


def _cost_sum(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    return size(specs[0].shape), nbytes(specs[0], *_infer_sum(specs, attrs))


SUM = Op("sum", _infer_sum, _sum, _sum_vjp, _cost_sum)

OPS = (SUM,)
