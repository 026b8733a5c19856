"""The logarithm of softmax over one axis, and of its sum over any."""

from collections.abc import Sequence
from typing import Any

from ..backend import Kernels
from .op import Attrs, Op, Spec, nbytes, require_float, size
from .reduce import axes_back, axes_last, keep_axes, normalize_axes, reduced_shape
from .softmax import axis_last


def _infer_log_softmax(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    require_float("log_softmax", specs[0])
    if not specs[0].shape:
        raise ValueError("log_softmax: a tensor without axes has nothing to sum to 1")
    normalize_axes("log_softmax", attrs.get("axis", -1), len(specs[0].shape))
    return [specs[0]]


def _log_softmax(k: Kernels, a: Any, *, axis: int = -1) -> Any:
    y = axis_last(k, k.log_softmax(axis_last(k, a, axis)), axis)
    return y, (y,)


def _log_softmax_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], axis: int = -1) -> Any:
    (y,) = saved
    return (axis_last(k, k.log_softmax_backward(axis_last(k, grad, axis), axis_last(k, y, axis)), axis),)


def _infer_backward(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    grad, y = specs
    require_float("log_softmax_backward", grad)
    if grad != y:
        raise ValueError(f"log_softmax_backward: the gradient is {grad}, log_softmax's output {y}; they must match")
    return [grad]


def _backward(k: Kernels, grad: Any, y: Any) -> Any:
    return k.log_softmax_backward(grad, y), (grad, y)


def _backward_vjp(k: Kernels, saved: Any, upstream: Any, *, needs: Sequence[bool]) -> Any:
    # f = g - p·s with p = exp(y), s = sum(g): for upstream u, df/dg·u = u - sum(u·p) and df/dy·u = -u·p·s
    grad, y = saved
    weighted = k.mul(upstream, k.exp(y))
    dgrad = k.sub(upstream, k.sum(weighted, axis=(-1,), keepdims=True)) if needs[0] else None
    dy = k.neg(k.mul(weighted, k.sum(grad, axis=(-1,), keepdims=True))) if needs[1] else None
    return dgrad, dy


def _infer_logsumexp(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    (a,) = specs
    require_float("logsumexp", a)
    axes = normalize_axes("logsumexp", attrs.get("axis", -1), len(a.shape))
    return [Spec(reduced_shape(a.shape, axes, attrs.get("keepdims", False)), a.dtype)]


def _logsumexp(k: Kernels, a: Any, *, axis: Any = -1, keepdims: bool = False) -> Any:
    axes = normalize_axes("logsumexp", axis, len(a.shape))
    y = k.logsumexp(axes_last(k, a, axes))
    return keep_axes(k, y, a.shape, axes) if keepdims else y, (a,)


def _logsumexp_vjp(
    k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], axis: Any = -1, keepdims: bool = False
) -> Any:
    (a,) = saved
    axes = normalize_axes("logsumexp", axis, len(a.shape))
    shares = axes_back(k, k.softmax(axes_last(k, a, axes)), a.shape, axes)
    return (k.mul(shares, keep_axes(k, grad, a.shape, axes)),)


def _cost(infer: Any) -> Any:
    def cost(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
        return 5 * size(specs[0].shape), nbytes(*specs, *infer(specs, attrs))

    return cost


LOG_SOFTMAX = Op(
    "log_softmax", _infer_log_softmax, _log_softmax, _log_softmax_vjp, _cost(_infer_log_softmax), saves=(~0,)
)
LOG_SOFTMAX_BACKWARD = Op(
    "log_softmax_backward", _infer_backward, _backward, _backward_vjp, _cost(_infer_backward), saves=(0, 1)
)
LOGSUMEXP = Op("logsumexp", _infer_logsumexp, _logsumexp, _logsumexp_vjp, _cost(_infer_logsumexp), saves=(0,))

OPS = (LOG_SOFTMAX, LOG_SOFTMAX_BACKWARD, LOGSUMEXP)
