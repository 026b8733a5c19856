"""Softmax over one axis."""

from collections.abc import Sequence
from typing import Any

from ..backend import Kernels
from .op import Attrs, Op, Spec, nbytes, require_float, size
from .reduce import normalize_axes


def _infer_softmax(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    require_float("softmax", specs[0])
    if not specs[0].shape:
        raise ValueError("softmax: a tensor without axes has nothing to sum to 1")
    normalize_axes("softmax", attrs.get("axis", -1), len(specs[0].shape))
    return [specs[0]]


def axis_last(k: Kernels, a: Any, axis: int) -> Any:
    """A view of `a` with `axis` and the last axis exchanged; its own inverse."""
    n = len(a.shape)
    if axis in (-1, n - 1):
        return a
    order = list(range(n))
    order[axis], order[-1] = order[-1], order[axis]
    return k.permute(a, axes=tuple(order))


def _softmax(k: Kernels, a: Any, *, axis: int = -1) -> Any:
    y = axis_last(k, k.softmax(axis_last(k, a, axis)), axis)
    return y, (y,)


def _softmax_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], axis: int = -1) -> Any:
    (y,) = saved
    dx = k.softmax_backward(axis_last(k, grad, axis), axis_last(k, y, axis))
    return (axis_last(k, dx, axis),)


def _infer_softmax_backward(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    grad, y = specs
    require_float("softmax_backward", grad)
    if grad != y:
        raise ValueError(f"softmax_backward: the gradient is {grad}, softmax's output {y}; they must match")
    return [grad]


def _softmax_backward(k: Kernels, grad: Any, y: Any) -> Any:
    return k.softmax_backward(grad, y), (grad, y)


def _softmax_backward_vjp(k: Kernels, saved: Any, upstream: Any, *, needs: Sequence[bool]) -> Any:
    # f = y·(g - s) with s = sum(g·y); for upstream u and t = sum(u·y):
    #   df/dg·u = y·(u - t), which is softmax_backward again;  df/dy·u = u·(g - s) - g·t
    grad, y = saved
    dgrad = k.softmax_backward(upstream, y) if needs[0] else None
    if not needs[1]:
        return dgrad, None
    s = k.sum(k.mul(grad, y), axis=(-1,), keepdims=True)
    t = k.sum(k.mul(upstream, y), axis=(-1,), keepdims=True)
    return dgrad, k.sub(k.mul(upstream, k.sub(grad, s)), k.mul(grad, t))


def _cost(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    return 5 * size(specs[0].shape), nbytes(*specs, specs[0])


SOFTMAX = Op("softmax", _infer_softmax, _softmax, _softmax_vjp, _cost, saves=(~0,))
SOFTMAX_BACKWARD = Op(
    "softmax_backward", _infer_softmax_backward, _softmax_backward, _softmax_backward_vjp, _cost, saves=(0, 1)
)

OPS = (SOFTMAX, SOFTMAX_BACKWARD)
