"""Cases of softmax and of its gradient."""

from typing import Any

import numpy as np

from ..backend import Array
from .case import Call, Cases, Operand, Pick, probabilities, real, wide, wrong

_SHAPES = ((1000, 10), (3, 20_003), (257, 300), (2, 3, 65), (4, 1), (5, 0), (0, 5))


def _draw_last(pick: Pick) -> Call:
    return Call((Operand(pick.shape(least=1), wide),))


def _draw_softmax(pick: Pick) -> Call:
    shape = pick.shape(least=1)
    return Call((Operand(shape, real),), {"axis": pick.choice(range(-len(shape), len(shape)))})


def _draw_backward(pick: Pick) -> Call:
    shape = pick.shape(least=1)
    return Call((Operand(shape), Operand(shape, probabilities)))


def softmax_error(y: Array, a: Array) -> Array:
    """The error of y = softmax(a) over the last axis, in units of u."""
    # a - max is rounded, which exp makes a relative error of |a - max|; exp is good to 4 u; the sum of n positive terms
    # adds √n, the division 1. Where exp underflows there is nothing to scale.
    distance = np.abs(a - a.max(axis=-1, keepdims=True)) if a.shape[-1] else a
    return np.where(y == 0, 0, y * (6 + distance + np.sqrt(a.shape[-1])))


def _error(outputs: Any, a: Array, axis: int = -1) -> tuple[Array]:
    return (np.moveaxis(softmax_error(*(np.moveaxis(x, axis, -1) for x in (outputs[0], a))), -1, axis),)


def _backward_error(outputs: Any, grad: Array, y: Array) -> tuple[Array]:
    # the sum over n products rounds like a dot product (√n, relative to Σ|grad·y|), then a subtraction and a product
    size = np.abs(grad * y).sum(axis=-1, keepdims=True)
    return (np.abs(y) * (2 * np.abs(grad) + (2 * np.sqrt(y.shape[-1]) + 3) * size),)


SOFTMAX_KERNEL = Cases(
    "softmax", _draw_last, tuple(Call((Operand(s, wide),)) for s in _SHAPES), error=_error, exact=False
)
SOFTMAX = Cases(
    "softmax",
    _draw_softmax,
    (*(Call((Operand(s),)) for s in _SHAPES), Call((Operand((300, 17)),), {"axis": 0})),
    error=_error,
    exact=False,
    oracle=lambda torch, a, axis=-1: torch.softmax(a, axis),
    mistake=wrong(((), "f4")),
)
SOFTMAX_BACKWARD = Cases(
    "softmax_backward",
    _draw_backward,
    tuple(Call((Operand(s), Operand(s, probabilities))) for s in _SHAPES),
    error=_backward_error,
    oracle=lambda torch, grad, y: y * (grad - (grad * y).sum(-1, keepdim=True)),
    mistake=wrong(((2,), "f4"), ((2,), "f8")),
)

KERNELS = (SOFTMAX_KERNEL, SOFTMAX_BACKWARD)
OPS = (SOFTMAX, SOFTMAX_BACKWARD)
