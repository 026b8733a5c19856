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


def axes_last(k: Kernels, a: Any, axes: tuple[int, ...]) -> Any:
    """`a` with the sorted `axes` as one last axis, the others before it: what kernels over the last axis take."""
    kept = tuple(i for i in range(len(a.shape)) if i not in axes)
    shape = tuple(a.shape[i] for i in kept)
    count = size(tuple(a.shape[i] for i in axes))
    if (*kept, *axes) != tuple(range(len(a.shape))):
        a = k.permute(a, axes=(*kept, *axes))
    return a if len(axes) == 1 else k.reshape(a, shape=(*shape, count))


def axes_back(k: Kernels, rows: Any, shape: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    """The inverse of `axes_last` for an array of `shape`."""
    order = (*(i for i in range(len(shape)) if i not in axes), *axes)
    out = rows if len(axes) == 1 else k.reshape(rows, shape=tuple(shape[i] for i in order))
    if order == tuple(range(len(shape))):
        return out
    return k.permute(out, axes=tuple(sorted(range(len(order)), key=order.__getitem__)))


def keep_axes(k: Kernels, reduced: Any, shape: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    """A reduced array with `axes` put back at length 1, so that it broadcasts against `shape`."""
    kept = reduced_shape(shape, axes, True)
    return reduced if reduced.shape == kept else k.reshape(reduced, shape=kept)


def drop_axes(k: Kernels, reduced: Any, shape: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    """A reduced array without `axes`, whether it kept them or not."""
    left = reduced_shape(shape, axes, False)
    return reduced if reduced.shape == left else k.reshape(reduced, shape=left)


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


def _infer_number(name: str) -> Any:
    def infer(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
        (a,) = specs
        if a.dtype.name not in ("float32", "float64", "int64"):
            raise TypeError(f"{name}: computes in float32, float64 or int64, not {a.dtype}; cast with .to(pe.int64)")
        axes = normalize_axes(name, attrs.get("axis"), len(a.shape))
        out = Spec(reduced_shape(a.shape, axes, attrs.get("keepdims", False)), a.dtype)
        if name != "prod" and size(a.shape) == 0 and size(out.shape) > 0:
            raise ValueError(f"{name}: a tensor of shape {a.shape} has no element to choose along axis {axes}")
        return [out]

    return infer


def _prod(k: Kernels, a: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    return k.prod(a, axis=axis, keepdims=keepdims), (a,)


def _prod_vjp(
    k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], axis: Any = None, keepdims: bool = False
) -> Any:
    (a,) = saved
    axes = normalize_axes("prod", axis, len(a.shape))
    rows = axes_last(k, a, axes)
    upstream = k.reshape(grad, shape=(*rows.shape[:-1], 1))
    return (axes_back(k, _others(k, rows, upstream), a.shape, axes),)


def _others(k: Kernels, a: Any, grad: Any) -> Any:
    """grad · the product of all other elements of each row, without a division, so that zeros are no matter.

    Elements are multiplied in pairs, and the pairs in pairs; what belongs to a pair, times its one, is the other's.
    """
    n = a.shape[-1]
    if n == 1:
        return k.expand(grad, shape=a.shape)
    if n == 0:
        return k.mul(a, grad)
    m = n // 2
    left, right, rest = _part(k, a, 0, m), _part(k, a, m, 2 * m), _part(k, a, 2 * m, n)
    pairs = k.mul(left, right)
    of_pairs = _others(k, _joined(k, pairs, rest), grad)
    for_pairs, for_rest = _part(k, of_pairs, 0, m), _part(k, of_pairs, m, m + n % 2)
    return _joined(k, _joined(k, k.mul(for_pairs, right), k.mul(for_pairs, left)), for_rest)


def _part(k: Kernels, a: Any, begin: int, end: int) -> Any:
    return k.getitem(a, index=(Ellipsis, ("slice", begin, end, None)))


def _joined(k: Kernels, a: Any, b: Any) -> Any:
    """`a` and `b` one after the other along the last axis."""
    if b.shape[-1] == 0:
        return a
    m, n = a.shape[-1], a.shape[-1] + b.shape[-1]
    shape = (*a.shape[:-1], n)
    first = k.getitem_backward(a, index=(Ellipsis, ("slice", 0, m, None)), shape=shape)
    return k.add(first, k.getitem_backward(b, index=(Ellipsis, ("slice", m, n, None)), shape=shape))


def _extremum(name: str) -> Any:
    def forward(k: Kernels, a: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
        y = getattr(k, name)(a, axis=axis, keepdims=keepdims)
        return y, (a, y)

    return forward


def _extremum_vjp(
    k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], axis: Any = None, keepdims: bool = False
) -> Any:
    a, y = saved
    axes = normalize_axes("amax", axis, len(a.shape))
    rows = axes_last(k, a, axes)
    shares = k.extremum_shares(rows, drop_axes(k, y, a.shape, axes))
    return (k.mul(axes_back(k, shares, a.shape, axes), keep_axes(k, grad, a.shape, axes)),)


SUM = Op("sum", _infer_sum, _sum, _sum_vjp, _cost_sum)
PROD = Op("prod", _infer_number("prod"), _prod, _prod_vjp, _cost_sum, saves=(0,))
AMAX = Op("amax", _infer_number("amax"), _extremum("amax"), _extremum_vjp, _cost_sum, saves=(0, ~0))
AMIN = Op("amin", _infer_number("amin"), _extremum("amin"), _extremum_vjp, _cost_sum, saves=(0, ~0))

OPS = (SUM, PROD, AMAX, AMIN)
