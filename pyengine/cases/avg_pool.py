"""Cases of average pooling and its gradient."""

from typing import Any

import numpy as np

from .. import reference
from ..backend import Array
from ..windows import Pair
from .case import Call, Cases, Operand, Pick, Shape, wrong
from .windows import LISTED, Geometry, draw_geometry

_WINDOWS = ("kernel", "stride", "padding", "ceil_mode")
_SIZES = (
    ((4, 3, 28, 28), (7, 7)),
    ((3, 2, 13, 40), (5, 3)),
    ((30, 9, 7, 7), (1, 1)),
    ((2, 3, 3, 4), (7, 5)),
    ((1, 1, 1, 1), (1, 1)),
    ((0, 2, 4, 4), (2, 3)),
)


def _forward(g: Geometry, count_include_pad: bool, divisor: float) -> Call:
    return Call((Operand(g.shape),), {**g.attrs(*_WINDOWS), "count_include_pad": count_include_pad, "divisor": divisor})


def _backward(g: Geometry, count_include_pad: bool, divisor: float) -> Call:
    forward = _forward(g, count_include_pad, divisor)
    return Call((Operand(g.pooled),), {"size": g.shape[2:], **forward.attrs})


def _draw(pick: Pick, make: Any) -> Call:
    call: Call = make(draw_geometry(pick, False), pick.flag(), pick.choice((0.0, 0.0, 3.0, -0.5)))
    return call


def _listed(make: Any) -> tuple[Call, ...]:
    return (*(make(g, True, 0.0) for g in LISTED), make(LISTED[3], False, 0.0), make(LISTED[4], True, 1.5))


def _draw_adaptive(pick: Pick) -> tuple[Shape, Pair]:
    shape = (pick.choice((1, 2, 0)), pick.choice((1, 3)), pick.length(1, 17), pick.length(1, 33))
    return shape, (pick.length(1, 9), pick.length(1, 9))


def _adaptive(shape: Shape, size: Pair) -> Call:
    return Call((Operand(shape),), {"size": size})


def _adaptive_backward(shape: Shape, size: Pair) -> Call:
    return Call((Operand((*shape[:2], *size)),), {"size": shape[2:]})


def _sum_error(kernel_name: str) -> Any:
    """A sum of so many terms, each rounded once for its division or with its sum: at most n + 2 times Σ |term|."""

    def error(outputs: Any, a: Array, **attrs: Any) -> tuple[Array]:
        out = outputs[0]
        most = a.size // max(out.size, 1) + out.size // max(a.size, 1)  # elements of a window, or windows of an element
        if "kernel" in attrs:
            most = max(most, attrs["kernel"][0] * attrs["kernel"][1])
        if attrs.get("divisor"):
            attrs = {**attrs, "divisor": abs(attrs["divisor"])}
        return ((4 * most + 8) * getattr(reference.avg_pool, kernel_name)(np.abs(a), **attrs),)

    return error


def _torch_avg(
    torch: Any,
    a: Any,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor: float = 0.0,
) -> Any:
    def pool(divisor_override: int | None) -> Any:
        return torch.nn.functional.avg_pool2d(
            a, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override
        )

    return pool(1) / divisor if divisor else pool(None)  # torch's divisor is an integer


def _transposed(function: Any) -> Any:
    """What `function`, linear, does to gradients of images of `size`."""

    def transposed(torch: Any, grad: Any, *, size: Shape, **attrs: Any) -> Any:
        image = torch.zeros(*grad.shape[:2], *size, dtype=grad.dtype, requires_grad=True)
        (da,) = torch.autograd.grad(function(torch, image, **attrs), image, grad, create_graph=True)
        return da

    return transposed


def _torch_adaptive(torch: Any, a: Any, size: Pair) -> Any:
    return torch.nn.functional.adaptive_avg_pool2d(a, size)


def _torch_adaptive_backward(torch: Any, grad: Any, size: Pair) -> Any:
    parts = tuple(grad.shape[2:])
    return _transposed(lambda torch, image: _torch_adaptive(torch, image, parts))(torch, grad, size=size)


_WRONG = {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0)}

AVG_POOL2D = Cases(
    "avg_pool2d",
    lambda pick: _draw(pick, _forward),
    _listed(_forward),
    error=_sum_error("avg_pool2d"),
    exact=False,
    oracle=_torch_avg,
    mistake=wrong(((1, 1, 1, 4), "f4"), **_WRONG),
)
AVG_POOL2D_BACKWARD = Cases(
    "avg_pool2d_backward",
    lambda pick: _draw(pick, _backward),
    _listed(_backward),
    error=_sum_error("avg_pool2d_backward"),
    exact=False,
    oracle=_transposed(_torch_avg),
    mistake=wrong(((1, 1, 3, 2), "f4"), size=(4, 4), **_WRONG),
)
ADAPTIVE_AVG_POOL2D = Cases(
    "adaptive_avg_pool2d",
    lambda pick: _adaptive(*_draw_adaptive(pick)),
    tuple(_adaptive(*sizes) for sizes in _SIZES),
    error=_sum_error("adaptive_avg_pool2d"),
    exact=False,
    oracle=_torch_adaptive,
    mistake=wrong(((1, 2, 0, 4), "f4"), size=(2, 2)),
)
ADAPTIVE_AVG_POOL2D_BACKWARD = Cases(
    "adaptive_avg_pool2d_backward",
    lambda pick: _adaptive_backward(*_draw_adaptive(pick)),
    tuple(_adaptive_backward(*sizes) for sizes in _SIZES),
    error=_sum_error("adaptive_avg_pool2d_backward"),
    exact=False,
    oracle=_torch_adaptive_backward,
    mistake=wrong(((1, 2, 0, 4), "f4"), size=(2, 2)),
)

KERNELS = OPS = (AVG_POOL2D, AVG_POOL2D_BACKWARD, ADAPTIVE_AVG_POOL2D, ADAPTIVE_AVG_POOL2D_BACKWARD)
