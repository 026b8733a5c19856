"""Cases of comparisons, classes of numbers and logic: all results are exact."""

from typing import Any

import numpy as np

from ..backend import Array
from .case import FLOATS, NUMBERS, Call, Cases, Operand, Pick, Shape, Values, wrong

_BOOL = np.dtype(np.bool_)
_PAIRS = (
    ((70_001,), (70_001,)),
    ((257, 300), (300,)),
    ((257, 300), (257, 1)),
    ((70_001,), ()),
    ((3, 1, 5), (4, 1)),
    ((0, 4), (1, 4)),
)


def _few(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """Few different numbers, so that many pairs are equal; both truth values as bools."""
    return rng.integers(-1, 2, shape)


def _classes(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """NaN, infinities, and the largest and smallest that float32 has."""
    return np.asarray(rng.choice([np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-45, 0.0, -0.0, 1.0], shape))


def _bits(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    return rng.integers(-(2**62), 2**62, shape)


def _draw_pair(values: Values) -> Any:
    def draw(pick: Pick) -> Call:
        shape = pick.shape()
        a, b = pick.choice(
            ((shape, shape), (shape, pick.narrowed(shape)), (pick.narrowed(shape), pick.narrowed(shape)))
        )
        return Call((Operand(a, values), Operand(b, values)))

    return draw


def _pairs(values: Values) -> tuple[Call, ...]:
    return tuple(Call((Operand(a, values), Operand(b, values))) for a, b in _PAIRS)


def _draw_one(values: Values) -> Any:
    return lambda pick: Call((Operand(pick.shape(), values),))


def _ones(values: Values) -> tuple[Call, ...]:
    return tuple(Call((Operand(shape, values),)) for shape in ((70_001,), (257, 300), (3, 0, 2), ()))


def _comparison(name: str) -> Cases:
    return Cases(
        name,
        _draw_pair(_few),
        (*_pairs(_few), *_pairs(_bits)[:2]),
        dtypes=(*NUMBERS, _BOOL, np.dtype(np.uint8)),
        oracle=lambda torch, a, b: getattr(torch, name)(a, b),
        mistake=wrong(((2,), "f4"), ((3,), "f4")),
    )


def _class(name: str) -> Cases:
    return Cases(
        name,
        _draw_one(_classes),
        _ones(_classes),
        dtypes=FLOATS,
        oracle=lambda torch, a: getattr(torch, name)(a),
        mistake=wrong(((2,), "i8")),
    )


def _logic(name: str) -> Cases:
    return Cases(
        name,
        _draw_pair(_bits),
        (*_pairs(_bits), *_pairs(_few)[:2]),
        dtypes=(_BOOL, np.dtype(np.int64)),
        aliases=(0, 1),
        oracle=lambda torch, a, b: getattr(torch, name)(a, b),
        mistake=wrong(((2,), "f4"), ((2,), "f4")),
    )


_NOT = Cases(
    "bitwise_not",
    _draw_one(_bits),
    (*_ones(_bits), *_ones(_few)),
    dtypes=(_BOOL, np.dtype(np.int64)),
    aliases=(0,),
    oracle=lambda torch, a: torch.bitwise_not(a),
    mistake=wrong(((2,), "f8")),
)

KERNELS = OPS = (
    *(_comparison(name) for name in ("eq", "ne", "lt", "le", "gt", "ge")),
    *(_class(name) for name in ("isnan", "isinf", "isfinite")),
    *(_logic(name) for name in ("bitwise_and", "bitwise_or", "bitwise_xor")),
    _NOT,
)
