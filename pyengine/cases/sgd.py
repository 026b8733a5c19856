"""Cases of the SGD step."""

from typing import Any

import numpy as np

from ..backend import Array
from .case import Call, Cases, Operand, Pick, constant, real


def _call(shapes: tuple[tuple[int, ...], ...], momentum: float, weight_decay: float, nesterov: bool) -> Call:
    each = tuple(Operand(shape, real) for shape in shapes)
    scalars = (Operand((1,), constant(0.5)), Operand((1,), constant(momentum)))
    return Call((each, each, each if momentum else (), *scalars), {"weight_decay": weight_decay, "nesterov": nesterov})


def _draw(pick: Pick) -> Call:
    momentum = pick.choice((0.0, 0.5))
    shapes = tuple(pick.shape(most=3) for _ in range(pick.choice((1, 2, 3))))
    return _call(shapes, momentum, pick.choice((0.0, 0.25)), pick.flag() and momentum > 0)


_LAYERS = ((128, 64), (128,), (10, 128), (10,))
_LISTED = (
    _call((), 0.0, 0.0, False),
    _call(((70_001,),), 0.0, 0.0, False),
    _call(((70_001,), (3,)), 0.5, 0.25, True),
    _call(_LAYERS, 0.0, 0.25, False),
    _call(_LAYERS, 0.5, 0.0, False),
    _call(_LAYERS, 0.5, 0.25, True),
)


def _error(
    outputs: Any,
    params: list[Array],
    grads: list[Array],
    buffers: list[Array],
    lr: Array,
    momentum: Array,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> tuple[Any, ...]:
    # At most two roundings of each product and sum that leads to the buffer, two more of those that lead to the
    # parameter; with FMA there are fewer. All sizes below are those of the inputs.
    rate = lr.reshape(())
    in_step = [np.abs(g) + weight_decay * np.abs(p) for p, g in zip(params, grads, strict=True)]
    if not buffers:
        return tuple(np.abs(p) + 4 * rate * (np.abs(p) + s) for p, s in zip(params, in_step, strict=True))
    keep = momentum.reshape(())
    in_buffer = [keep * np.abs(b) + s for b, s in zip(buffers, in_step, strict=True)]
    in_step = [s + keep * b if nesterov else b for s, b in zip(in_step, in_buffer, strict=True)]
    moved = tuple(np.abs(p) + 6 * rate * (np.abs(p) + s) for p, s in zip(params, in_step, strict=True))
    return (*moved, *(4 * b for b in in_buffer))


SGD_STEP = Cases("sgd_step", _draw, _LISTED, error=_error, in_place=(0, 2))

KERNELS = (SGD_STEP,)
OPS = ()
