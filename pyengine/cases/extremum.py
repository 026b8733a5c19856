"""Cases of choosing elements along the last axis. Nothing is rounded but 1/c: all backends give the same bits."""

from typing import Any

import numpy as np

from ..backend import Array
from ..dtypes import int64
from .case import NUMBERS, Call, Cases, Operand, Pick, Shape, labels, real, wrong

_SHAPES = ((1000, 10), (3, 20_003), (257, 300), (2, 3, 65), (4, 1), (70_001,), (0, 5))


def _small(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """Few different numbers, so that many elements are equal."""
    return rng.integers(-2, 3, shape)


def _draw(pick: Pick) -> Call:
    return Call((Operand(pick.shape(least=1, least_length=1), pick.choice((real, _small))),))


def _listed(values: Any) -> tuple[Call, ...]:
    return tuple(Call((Operand(shape, values),)) for shape in _SHAPES)


def _with_y(shape: Shape) -> Call:
    return Call((Operand(shape, _small), Operand(shape[:-1], _small)))


def _with_index(shape: Shape) -> Call:
    return Call((Operand(shape), Operand(shape[:-1], labels(shape[-1]), int64)))


def _placed(shape: Shape) -> Call:
    rows = shape[:-1]
    return Call((Operand(rows), Operand(rows, labels(shape[-1]), int64)), {"length": shape[-1]})


def _draws(make: Any) -> Any:
    return lambda pick: make(pick.shape(least=1, least_length=1))


def _torch_shares(torch: Any, a: Any, y: Any) -> Any:
    equal = (a == y.unsqueeze(-1)).to(a.dtype)
    # times 0: constant, and yet a part of the graph
    return torch.where(equal > 0, 1 / equal.sum(-1, keepdim=True), equal) + 0 * (a + y.unsqueeze(-1))


def _torch_put(torch: Any, grad: Any, index: Any, length: int) -> Any:
    return torch.zeros((*grad.shape, length), dtype=grad.dtype).scatter(-1, index.unsqueeze(-1), grad.unsqueeze(-1))


MAX, MIN = (Cases(name, _draw, (*_listed(real), *_listed(_small)), dtypes=NUMBERS) for name in ("max", "min"))
EXTREMUM_SHARES = Cases(
    "extremum_shares",
    _draws(_with_y),
    tuple(map(_with_y, _SHAPES)),
    oracle=_torch_shares,
    mistake=wrong(((2, 3), "f4"), ((3,), "f4")),
)
TAKE_LAST = Cases(
    "take_last",
    _draws(_with_index),
    tuple(map(_with_index, _SHAPES)),
    dtypes=NUMBERS,
    oracle=lambda torch, a, index: a.gather(-1, index.unsqueeze(-1)).squeeze(-1),
    mistake=wrong(((2, 3), "f4"), ((2,), "i4")),
)
PUT_LAST = Cases(
    "put_last",
    _draws(_placed),
    tuple(map(_placed, _SHAPES)),
    dtypes=NUMBERS,
    oracle=_torch_put,
    mistake=wrong(((2,), "f4"), ((3,), "i8"), length=4),
)

KERNELS = (MAX, MIN, EXTREMUM_SHARES, TAKE_LAST, PUT_LAST)
OPS = (EXTREMUM_SHARES, TAKE_LAST, PUT_LAST)
