"""Other ways to walk the same memory: no data moves, except where a reshape cannot be a view."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import Kernels, getitem
from .op import Attrs, Op, Spec, broadcast_shapes, nbytes, size, sum_to


def resolve_shape(old: tuple[int, ...], new: tuple[int, ...]) -> tuple[int, ...]:
    """`new` with its one -1 worked out, or a ValueError that shows both sizes.

    >>> resolve_shape((2, 6), (3, -1))
    (3, 4)
    """
    unknown = [i for i, n in enumerate(new) if n == -1]
    known = size(tuple(n for n in new if n != -1))
    if len(unknown) > 1 or any(n < -1 for n in new):
        raise ValueError(f"reshape: {new} may hold one -1 (to be worked out) and no other negative length")
    if unknown and known and size(old) % known == 0:
        i = unknown[0]
        new = (*new[:i], size(old) // known, *new[i + 1 :])
    elif unknown or known != size(old):
        raise ValueError(
            f"reshape: {old} has {size(old)} elements, {new} asks for {'a multiple of ' * bool(unknown)}{known}"
        )
    return new


def _infer_reshape(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    return [Spec(resolve_shape(specs[0].shape, attrs["shape"]), specs[0].dtype)]


def _reshape(k: Kernels, a: Any, *, shape: tuple[int, ...]) -> Any:
    return k.reshape(a, shape=shape), (a.shape,)


def _reshape_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], shape: tuple[int, ...]) -> Any:
    return (k.reshape(grad, shape=saved[0]),)


def _infer_permute(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    shape, axes = specs[0].shape, attrs["axes"]
    if sorted(a % len(shape) if -len(shape) <= a < len(shape) else a for a in axes) != list(range(len(shape))):
        raise ValueError(f"permute: {axes} does not name each axis of {shape} once")
    return [Spec(tuple(shape[a] for a in axes), specs[0].dtype)]


def _permute(k: Kernels, a: Any, *, axes: tuple[int, ...]) -> Any:
    return k.permute(a, axes=axes), ()


def _permute_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], axes: tuple[int, ...]) -> Any:
    inverse = sorted(range(len(axes)), key=lambda i: axes[i] % len(axes))
    return (k.permute(grad, axes=tuple(inverse)),)


def _infer_expand(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    old, new = specs[0].shape, attrs["shape"]
    if any(n < 0 for n in new):
        raise ValueError(f"expand: shape {new} has a negative length")
    if broadcast_shapes("expand", old, new) != new:
        raise ValueError(f"expand: {old} does not broadcast to {new}")
    return [Spec(new, specs[0].dtype)]


def _expand(k: Kernels, a: Any, *, shape: tuple[int, ...]) -> Any:
    return k.expand(a, shape=shape), (a.shape,)


def _expand_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], shape: tuple[int, ...]) -> Any:
    return (sum_to(k, grad, saved[0]),)


def _indexed_shape(shape: tuple[int, ...], index: tuple[Any, ...]) -> tuple[int, ...]:
    """What indexing leaves of a shape, found on an array of zero strides that holds one element."""
    return getitem(np.broadcast_to(np.empty((), np.bool_), shape), index).shape


def _infer_getitem(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    (a,) = specs
    try:
        return [Spec(_indexed_shape(a.shape, attrs["index"]), a.dtype)]
    except IndexError as error:
        raise IndexError(f"indexing a tensor of shape {a.shape}: {error}") from None


def _getitem(k: Kernels, a: Any, *, index: tuple[Any, ...]) -> Any:
    return k.getitem(a, index=index), (a.shape,)


def _getitem_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], index: tuple[Any, ...]) -> Any:
    return (k.getitem_backward(grad, index=index, shape=saved[0]),)


def _infer_getitem_backward(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    return [Spec(attrs["shape"], specs[0].dtype)]


def _getitem_backward(k: Kernels, grad: Any, *, index: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    return k.getitem_backward(grad, index=index, shape=shape), ()


def _getitem_backward_vjp(
    k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], index: tuple[Any, ...], shape: tuple[int, ...]
) -> Any:
    return (k.getitem(grad, index=index),)


def _infer_setitem(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    a, value = specs
    (place,) = _infer_getitem([a], attrs)
    if value != place:
        raise ValueError(f"setitem: the value is {value}, its place {place}; they must match")
    return [a]


def _setitem(k: Kernels, a: Any, value: Any, *, index: tuple[Any, ...]) -> Any:
    return k.setitem(a, value, index=index), (value.shape,)


def _setitem_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], index: tuple[Any, ...]) -> Any:
    zeros = k.expand(k.scalar(0.0, dtype=grad.dtype), shape=saved[0])
    return (
        k.setitem(grad, zeros, index=index) if needs[0] else None,
        k.getitem(grad, index=index) if needs[1] else None,
    )


def _cost_setitem(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    return 0, 2 * nbytes(*specs)


def _no_cost(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    return 0, 0


def _cost_getitem_backward(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    return 0, nbytes(*_infer_getitem_backward(specs, attrs)) + 2 * nbytes(specs[0])


RESHAPE = Op("reshape", _infer_reshape, _reshape, _reshape_vjp, _no_cost)
PERMUTE = Op("permute", _infer_permute, _permute, _permute_vjp, _no_cost)
EXPAND = Op("expand", _infer_expand, _expand, _expand_vjp, _no_cost)
GETITEM = Op("getitem", _infer_getitem, _getitem, _getitem_vjp, _no_cost)
GETITEM_BACKWARD = Op(
    "getitem_backward", _infer_getitem_backward, _getitem_backward, _getitem_backward_vjp, _cost_getitem_backward
)

SETITEM = Op("setitem", _infer_setitem, _setitem, _setitem_vjp, _cost_setitem)

OPS = (RESHAPE, PERMUTE, EXPAND, GETITEM, GETITEM_BACKWARD, SETITEM)
