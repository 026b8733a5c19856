"""Images of another size. Each is linear: the gradient of its gradient is itself."""

from collections.abc import Sequence
from typing import Any

from ..backend import Kernels
from ..windows import Pair
from .op import Attrs, Op, Spec, nbytes, require_float, size


def _infer(op: str) -> Any:
    def infer(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
        (a,) = specs
        require_float(op, a)
        if len(a.shape) != 4:
            raise ValueError(f"{op}: the input is (n, c, rows, columns), not of shape {a.shape}")
        if min(*a.shape[2:], *attrs["size"]) < 1:
            raise ValueError(f"{op}: images of shape {a.shape} cannot become {attrs['size']}: both need pixels")
        return [Spec((*a.shape[:2], *attrs["size"]), a.dtype)]

    return infer


def _upsample(k: Kernels, a: Any, *, size: Pair, **attrs: Any) -> Any:
    return k.upsample2d(a, size=size, **attrs), (a.shape[2:],)


def _vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], size: Pair, **attrs: Any) -> Any:
    return (k.upsample2d_backward(grad, size=saved[0], **attrs),)


def _backward(k: Kernels, grad: Any, *, size: Pair, **attrs: Any) -> Any:
    return k.upsample2d_backward(grad, size=size, **attrs), (grad.shape[2:],)


def _backward_vjp(k: Kernels, saved: Any, u: Any, *, needs: Sequence[bool], size: Pair, **attrs: Any) -> Any:
    return (k.upsample2d(u, size=saved[0], **attrs),)


def _cost(op: str) -> Any:
    def cost(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
        out = _infer(op)(specs, attrs)
        largest = max(size(specs[0].shape), size(out[0].shape))
        return (6 if attrs.get("bilinear") else 1) * largest, nbytes(*specs, *out)

    return cost


UPSAMPLE2D = Op("upsample2d", _infer("upsample2d"), _upsample, _vjp, _cost("upsample2d"))
UPSAMPLE2D_BACKWARD = Op(
    "upsample2d_backward", _infer("upsample2d_backward"), _backward, _backward_vjp, _cost("upsample2d_backward")
)

OPS = (UPSAMPLE2D, UPSAMPLE2D_BACKWARD)
