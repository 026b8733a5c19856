"""Average pooling: the mean of each window. It is linear: the gradient of its gradient is itself."""

from collections.abc import Sequence
from typing import Any

from ..backend import Kernels
from ..windows import Pair
from .op import Attrs, Op, Spec, nbytes, require_float, size
from .windows import pooled_spec

Saved = tuple[Pair]


_SLIDING = ("kernel", "stride", "padding", "ceil_mode")


def _infer(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    return [pooled_spec("avg_pool2d", specs[0], **{name: attrs[name] for name in _SLIDING if name in attrs})]


def _avg_pool(k: Kernels, a: Any, **windows: Any) -> Any:
    return k.avg_pool2d(a, **windows), (a.shape[2:],)


def _vjp(k: Kernels, saved: Saved, grad: Any, *, needs: Sequence[bool], **windows: Any) -> Any:
    return (k.avg_pool2d_backward(grad, size=saved[0], **windows),)


def _infer_backward(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    (grad,) = specs
    require_float("avg_pool2d_backward", grad)
    image = Spec((*grad.shape[:2], *attrs["size"]), grad.dtype)
    (pooled,) = _infer([image], attrs)
    if grad != pooled:
        raise ValueError(f"avg_pool2d_backward: the gradient is {grad}, the image has windows for {pooled}")
    return [image]


def _backward(k: Kernels, grad: Any, *, size: Pair, **windows: Any) -> Any:
    return k.avg_pool2d_backward(grad, size=size, **windows), ()


def _backward_vjp(k: Kernels, saved: Any, u: Any, *, needs: Sequence[bool], size: Pair, **windows: Any) -> Any:
    return (k.avg_pool2d(u, **windows),)


def _infer_adaptive(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    (a,) = specs
    return [_parted("adaptive_avg_pool2d", a, attrs["size"])]


def _infer_adaptive_backward(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    (grad,) = specs
    return [_parted("adaptive_avg_pool2d_backward", grad, attrs["size"])]


def _parted(op: str, a: Spec, parts: Pair) -> Spec:
    require_float(op, a)
    if len(a.shape) != 4:
        raise ValueError(f"{op}: the input is (n, c, rows, columns), not of shape {a.shape}")
    if min(a.shape[2:]) < 1:
        raise ValueError(f"{op}: the input of shape {a.shape} has no elements to take a mean of")
    if min(parts) < 1:
        raise ValueError(f"{op}: the output size {parts} must be at least 1 by 1")
    return Spec((*a.shape[:2], *parts), a.dtype)


def _adaptive(k: Kernels, a: Any, *, size: Pair) -> Any:
    return k.adaptive_avg_pool2d(a, size=size), (a.shape[2:],)


def _adaptive_vjp(k: Kernels, saved: Saved, grad: Any, *, needs: Sequence[bool], size: Pair) -> Any:
    return (k.adaptive_avg_pool2d_backward(grad, size=saved[0]),)


def _adaptive_backward(k: Kernels, grad: Any, *, size: Pair) -> Any:
    return k.adaptive_avg_pool2d_backward(grad, size=size), (grad.shape[2:],)


def _adaptive_backward_vjp(k: Kernels, saved: Saved, u: Any, *, needs: Sequence[bool], size: Pair) -> Any:
    return (k.adaptive_avg_pool2d(u, size=saved[0]),)


def _cost(infer: Any) -> Any:
    def cost(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
        out = infer(specs, attrs)
        return max(size(specs[0].shape), size(out[0].shape)), nbytes(*specs, *out)

    return cost


AVG_POOL2D = Op("avg_pool2d", _infer, _avg_pool, _vjp, _cost(_infer))
AVG_POOL2D_BACKWARD = Op("avg_pool2d_backward", _infer_backward, _backward, _backward_vjp, _cost(_infer_backward))
ADAPTIVE_AVG_POOL2D = Op("adaptive_avg_pool2d", _infer_adaptive, _adaptive, _adaptive_vjp, _cost(_infer_adaptive))
ADAPTIVE_AVG_POOL2D_BACKWARD = Op(
    "adaptive_avg_pool2d_backward",
    _infer_adaptive_backward,
    _adaptive_backward,
    _adaptive_backward_vjp,
    _cost(_infer_adaptive_backward),
)

OPS = (AVG_POOL2D, AVG_POOL2D_BACKWARD, ADAPTIVE_AVG_POOL2D, ADAPTIVE_AVG_POOL2D_BACKWARD)
