"""Cases of where, maximum, minimum and clamp: all results are exact."""

from typing import Any

import numpy as np

from ..backend import Array
from ..dtypes import ALL
from .case import NUMBERS, Call, Cases, Operand, Pick, Shape, Values, real, wrong

_BOOL = np.dtype(np.bool_)


def _flags(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    return rng.integers(0, 2, shape)


def _near(places: int, offset: float) -> Values:
    """Whole numbers times `places`, plus `offset`, give or take 0.15: what never meets those of another offset."""

    def near(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
        if exact:
            return rng.integers(-3, 4, shape)
        return np.asarray(places * rng.integers(-3, 4, shape) + offset + rng.uniform(-0.15, 0.15, shape))

    return near


def _draw(*operands: Operand) -> Any:
    """Operands like the given ones, of shapes that broadcast."""

    def draw(pick: Pick) -> Call:
        shape = pick.shape()
        whole = pick.choice(range(len(operands) + 1))
        return Call(
            tuple(
                Operand(shape if i == whole or pick.flag() else pick.narrowed(shape), o.values, o.dtype)
                for i, o in enumerate(operands)
            )
        )

    return draw


def _listed(*operands: Operand) -> tuple[Call, ...]:
    shapes = (
        ((70_001,), (70_001,), (70_001,)),
        ((257, 300), (300,), (257, 1)),
        ((300,), (), (257, 300)),
        ((70_001,), (), ()),
        ((), (5,), (3, 1)),
        ((0, 4), (1, 4), ()),
    )
    return tuple(
        Call(tuple(Operand(s, o.values, o.dtype) for s, o in zip(each, operands, strict=False))) for each in shapes
    )


def _both(
    name: str, values: tuple[Values, ...], *, oracle: Any, mistake: Call, aliases: tuple[int, ...]
) -> tuple[Cases, Cases]:
    """The cases of a kernel, and of the operation, whose operands must not be nearly equal where it has a kink."""
    anything = tuple(Operand((), real) for _ in values)
    apart = tuple(Operand((), v) for v in values)
    kernel = Cases(name, _draw(*anything), _listed(*anything), dtypes=NUMBERS, aliases=aliases)
    op = Cases(name, _draw(*apart), _listed(*apart), dtypes=NUMBERS, oracle=oracle, mistake=mistake)
    return kernel, op


_CHOICE = (Operand((), _flags, _BOOL), Operand((), real), Operand((), real))
WHERE_KERNEL = Cases("where", _draw(*_CHOICE), _listed(*_CHOICE), dtypes=ALL, aliases=(1, 2))
WHERE = Cases(
    "where",
    _draw(*_CHOICE),
    _listed(*_CHOICE),
    dtypes=(*NUMBERS, _BOOL),
    oracle=lambda torch, condition, a, b: torch.where(condition, a, b),
    mistake=wrong(((2,), "f4"), ((2,), "f4"), ((2,), "f4")),
)
_PAIR = (_near(1, 0.0), _near(1, 0.5))
MAXIMUM_KERNEL, MAXIMUM = _both(
    "maximum",
    _PAIR,
    oracle=lambda torch, a, b: torch.maximum(a, b),
    mistake=wrong(((2,), "?"), ((2,), "?")),
    aliases=(0, 1),
)
MINIMUM_KERNEL, MINIMUM = _both(
    "minimum",
    _PAIR,
    oracle=lambda torch, a, b: torch.minimum(a, b),
    mistake=wrong(((2,), "f4"), ((3,), "f4")),
    aliases=(0, 1),
)
CLAMP_KERNEL, CLAMP = _both(
    "clamp",
    (_near(1, 0.5), _near(2, 0.0), _near(2, 1.0)),
    # torch 2.13 fails to differentiate limits that broadcast
    oracle=lambda torch, *operands: torch.clamp(*torch.broadcast_tensors(*operands)),
    mistake=wrong(((2,), "f4"), ((2,), "f8"), ((2,), "f4")),
    aliases=(0, 1, 2),
)

KERNELS = (WHERE_KERNEL, MAXIMUM_KERNEL, MINIMUM_KERNEL, CLAMP_KERNEL)
OPS = (WHERE, MAXIMUM, MINIMUM, CLAMP)
