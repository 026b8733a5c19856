"""Cases of images of another size. The nearest pixel is a copy, but its gradient is a sum."""

from typing import Any

import numpy as np

from .. import reference
from ..backend import Array
from ..windows import Pair
from .case import Call, Cases, Operand, Pick, Shape, wrong

_SIZES = (
    ((3, 2, 14, 14), (28, 28)),
    ((2, 3, 9, 70), (20, 33)),
    ((20, 10, 4, 4), (8, 8)),
    ((1, 1, 1, 1), (3, 5)),
    ((2, 1, 5, 6), (1, 1)),
    ((0, 2, 4, 4), (2, 3)),
)


def _step(length: int, count: int, align_corners: bool) -> float:
    if align_corners:
        return (length - 1) / (count - 1) if count > 1 else 0.0
    return length / count


def _attrs(image: Shape, size: Pair, bilinear: bool, align_corners: bool) -> dict[str, Any]:
    corners = bilinear and align_corners
    rows, columns = (_step(n, m, corners) for n, m in zip(image[2:], size, strict=True))
    return {"row_step": rows, "column_step": columns, "bilinear": bilinear, "align_corners": corners}


def _forward(image: Shape, size: Pair, bilinear: bool, align_corners: bool) -> Call:
    return Call((Operand(image),), {"size": size, **_attrs(image, size, bilinear, align_corners)})


def _backward(image: Shape, size: Pair, bilinear: bool, align_corners: bool) -> Call:
    upsampled = Operand((*image[:2], *size))
    return Call((upsampled,), {"size": image[2:], **_attrs(image, size, bilinear, align_corners)})


def _draw(make: Any) -> Any:
    def draw(pick: Pick) -> Call:
        image = (pick.choice((1, 2, 0)), pick.choice((1, 3)), pick.length(1, 9), pick.length(1, 33))
        size = (2 * image[2], 2 * image[3]) if pick.flag() else (pick.length(1, 17), pick.length(1, 33))
        call: Call = make(image, size, pick.flag(), pick.flag())
        return call

    return draw


def _listed(make: Any) -> tuple[Call, ...]:
    kinds = ((False, False), (True, False), (True, True))
    return tuple(make(*sizes, *kinds[i % 3]) for i, sizes in enumerate((*_SIZES, *_SIZES[:4])))


def _error(kernel_name: str) -> Any:
    def error(outputs: Any, a: Array, **attrs: Any) -> tuple[Array]:
        # Two roundings a term in each direction: about 8 for what was made of four. The gradient is a sum of as many
        # as were made of one pixel. Shares are differences from whole numbers: in float64, in which places are
        # computed, they are off by as many units as the image is long.
        most = a.size // max(outputs[0].size, 1) + 8
        units = 4.0 if a.dtype == np.float64 else 4.0 * max(*a.shape[2:], *outputs[0].shape[2:])  # operands are widened
        largest = np.abs(a[np.isfinite(a)]).max(initial=0.0) * (1 if kernel_name == "upsample2d" else most)
        sizes = getattr(reference.upsample, kernel_name)(np.abs(a), **attrs)
        return (4 * most * sizes + (units * largest if attrs.get("bilinear") else 0),)

    return error


def _torch(
    torch: Any,
    a: Any,
    size: Pair,
    row_step: float,
    column_step: float,
    bilinear: bool = False,
    align_corners: bool = False,
) -> Any:
    interpolate = torch.nn.functional.interpolate
    if bilinear:
        return interpolate(a, size, mode="bilinear", align_corners=align_corners)
    # torch's own nearest computes places in float32, and takes a neighbour where they are whole numbers
    rows, columns = (
        torch.arange(m).mul(n).div(m, rounding_mode="floor") for n, m in zip(a.shape[2:], size, strict=True)
    )
    return a[:, :, rows[:, None], columns]


def _torch_backward(torch: Any, grad: Any, size: Pair, **attrs: Any) -> Any:
    image = torch.zeros(*grad.shape[:2], *size, dtype=grad.dtype, requires_grad=True)
    made = _torch(torch, image, tuple(grad.shape[2:]), **attrs)
    (da,) = torch.autograd.grad(made, image, grad, create_graph=True)
    return da


_WRONG = {"size": (4, 4), "row_step": 1.0, "column_step": 1.0}

UPSAMPLE2D = Cases(
    "upsample2d",
    _draw(_forward),
    _listed(_forward),
    error=_error("upsample2d"),
    exact=False,
    oracle=_torch,
    mistake=wrong(((1, 2, 0, 4), "f4"), **_WRONG),
)
UPSAMPLE2D_BACKWARD = Cases(
    "upsample2d_backward",
    _draw(_backward),
    _listed(_backward),
    error=_error("upsample2d_backward"),
    exact=False,
    oracle=_torch_backward,
    mistake=wrong(((1, 2, 0, 4), "f4"), **_WRONG),
)

KERNELS = OPS = (UPSAMPLE2D, UPSAMPLE2D_BACKWARD)
