"""Cases of max pooling. It chooses: all backends give the same bits, and add up at most the windows that overlap."""

from typing import Any

import numpy as np

from .. import reference
from ..backend import Array
from ..windows import Pair
from .case import Call, Cases, Operand, Shape, labels, wrong
from .windows import LISTED, Geometry, draw_geometry

_WINDOWS = ("kernel", "stride", "padding", "dilation")
_DILATED = (
    *LISTED,
    Geometry((2, 1, 20, 70), (4, 2), (1, 2), (2, 1), (3, 4), True),
    Geometry((1, 2, 1, 1), (2, 2), (1, 1), (1, 1), (2, 2)),  # the window steps over the image
)


def _forward(g: Geometry) -> Call:
    return Call((Operand(g.shape),), g.attrs(*_WINDOWS, "ceil_mode"))


def _places(g: Geometry) -> Operand:
    count = g.kernel[0] * g.kernel[1]
    return Operand(g.pooled, labels(count), np.dtype(np.uint8 if count <= 256 else np.int32))


def _backward(g: Geometry) -> Call:
    return Call((Operand(g.pooled), _places(g)), {"size": g.shape[2:], **g.attrs(*_WINDOWS)})


def _take(g: Geometry) -> Call:
    return Call((Operand(g.shape), _places(g)), g.attrs(*_WINDOWS))


def _backward_error(outputs: Any, grad: Array, places: Array, *, kernel: Pair, **attrs: Any) -> tuple[Array]:
    # a sum of as many terms as windows overlap, each partial sum at most the sum of sizes
    sizes = reference.max_pool.max_pool2d_backward(np.abs(grad), places, kernel=kernel, **attrs)
    return (kernel[0] * kernel[1] * sizes,)


def _torch_forward(torch: Any, a: Any, *, ceil_mode: bool = False, **windows: Pair) -> Any:
    values, index = torch.nn.functional.max_pool2d(
        a,
        windows["kernel"],
        windows["stride"],
        windows["padding"],
        windows["dilation"],
        ceil_mode=ceil_mode,
        return_indices=True,
    )
    place = torch.zeros_like(index)
    for axis, at in enumerate((index // a.shape[3], index % a.shape[3])):
        start = torch.arange(index.shape[2 + axis]) * windows["stride"][axis] - windows["padding"][axis]
        start = start[:, None] if axis == 0 else start
        place = place * windows["kernel"][1] + (at - start) // windows["dilation"][axis]
    return values, place.to(torch.uint8)


def _torch_chosen(torch: Any, places: Any, size: Shape, windows: dict[str, Pair]) -> tuple[Any, Any]:
    """Where in flattened images the chosen elements lie, and whether they lie there."""
    flat, inside = torch.zeros_like(places, dtype=torch.int64), torch.ones_like(places, dtype=torch.bool)
    long = places.long()
    for axis, place in enumerate((long // windows["kernel"][1], long % windows["kernel"][1])):
        start = torch.arange(places.shape[2 + axis]) * windows["stride"][axis] - windows["padding"][axis]
        at = (start[:, None] if axis == 0 else start) + place * windows["dilation"][axis]
        inside &= (at >= 0) & (at < size[axis])
        flat = flat * size[1] + at.clamp(0, size[axis] - 1)
    return flat.flatten(2), inside.flatten(2)


def _torch_backward(torch: Any, grad: Any, places: Any, size: Shape, **windows: Pair) -> Any:
    flat, inside = _torch_chosen(torch, places, size, windows)
    sums = torch.zeros(*grad.shape[:2], size[0] * size[1], dtype=grad.dtype)
    return sums.scatter_add(2, flat, grad.flatten(2) * inside).unflatten(2, size)


def _torch_take(torch: Any, a: Any, places: Any, **windows: Pair) -> Any:
    flat, inside = _torch_chosen(torch, places, a.shape[2:], windows)
    return (a.flatten(2).gather(2, flat) * inside).reshape(places.shape)


_WRONG = {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0), "dilation": (1, 1)}

MAX_POOL2D = Cases(
    "max_pool2d",
    lambda pick: _forward(draw_geometry(pick, True)),
    tuple(map(_forward, _DILATED)),
    oracle=_torch_forward,
    mistake=wrong(((1, 1, 1, 4), "f4"), **_WRONG),
)
MAX_POOL2D_BACKWARD = Cases(
    "max_pool2d_backward",
    lambda pick: _backward(draw_geometry(pick, True)),
    tuple(map(_backward, _DILATED)),
    error=_backward_error,
    oracle=_torch_backward,
    mistake=wrong(((1, 1, 2, 2), "f4"), ((1, 1, 2, 3), "u1"), size=(4, 4), **_WRONG),
)
MAX_POOL2D_TAKE = Cases(
    "max_pool2d_take",
    lambda pick: _take(draw_geometry(pick, True)),
    tuple(map(_take, _DILATED)),
    oracle=_torch_take,
    mistake=wrong(((1, 1, 4, 4), "f4"), ((1, 2, 2, 2), "u1"), **_WRONG),
)

KERNELS = OPS = (MAX_POOL2D, MAX_POOL2D_BACKWARD, MAX_POOL2D_TAKE)
