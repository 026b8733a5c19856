"""Cases of running sums."""

from typing import Any

import numpy as np

from ..backend import Array
from .case import NUMBERS, Call, Cases, Operand, Pick, wrong

_SHAPES = ((1000, 10), (3, 20_003), (257, 300), (2, 3, 65), (4, 1), (70_001,), (5, 0), (0, 5))


def _draw(pick: Pick) -> Call:
    return Call((Operand(pick.shape(least=1)),))


def _draw_op(pick: Pick) -> Call:
    shape = pick.shape(least=1)
    return Call((Operand(shape),), {"axis": pick.choice(range(-len(shape), len(shape)))})


def _error(outputs: Any, a: Array, axis: int = -1) -> tuple[Array]:
    # up to n additions in a row, whose roundings have random signs; c = 2 as in a sum
    return (2 * np.sqrt(a.shape[axis]) * np.cumsum(np.abs(a), axis=axis),)


CUMSUM_KERNEL = Cases(
    "cumsum", _draw, tuple(Call((Operand(shape),)) for shape in _SHAPES), dtypes=NUMBERS, error=_error
)
CUMSUM = Cases(
    "cumsum",
    _draw_op,
    (*CUMSUM_KERNEL.listed, Call((Operand((300, 17)),), {"axis": 0})),
    dtypes=NUMBERS,
    error=_error,
    oracle=lambda torch, a, axis=-1: a.cumsum(axis),
    mistake=wrong(((2, 3), "f4"), axis=2),
)

KERNELS = (CUMSUM_KERNEL,)
OPS = (CUMSUM,)
