"""Cases of floor_divide and remainder, which give the definition's very bits."""

from typing import Any

import numpy as np

from ..backend import Array
from .case import NUMBERS, Call, Cases, Operand, Pick, Shape, Values, wide, wrong

_PAIRS = (
    ((70_001,), (70_001,)),
    ((257, 300), (300,)),
    ((70_001,), ()),
    ((3, 1, 5), (4, 1)),
    ((0, 4), (1, 4)),
)


def _divisor(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """Of either sign, from 1 up, so that none becomes the integer 0."""
    return np.asarray(rng.choice([-1.0, 1.0], shape) * (1 + np.abs(rng.standard_normal(shape)) * 3))


def _power_of_two(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    return np.asarray(rng.choice([-4.0, -2.0, -1.0, 1.0, 2.0, 4.0], shape))


def _off_multiples(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """At least 0.1 from every whole number: no small step changes the quotient by 1, 2 or 4."""
    whole = rng.integers(-9, 10, shape)
    return np.asarray(whole + rng.uniform(0.1, 0.9, shape))


def _draw(a: Values, b: Values) -> Any:
    def draw(pick: Pick) -> Call:
        shape = pick.shape()
        left, right = pick.choice(
            ((shape, shape), (shape, pick.narrowed(shape)), (pick.narrowed(shape), pick.narrowed(shape)))
        )
        return Call((Operand(left, a), Operand(right, b)))

    return draw


def _listed(a: Values, b: Values) -> tuple[Call, ...]:
    return tuple(Call((Operand(left, a), Operand(right, b))) for left, right in _PAIRS)


def _both(name: str, oracle: Any) -> tuple[Cases, Cases]:
    """The cases of a kernel, and of the operation, away from the jumps."""
    kernel = Cases(name, _draw(wide, _divisor), _listed(wide, _divisor), dtypes=NUMBERS, exact=False, aliases=(0, 1))
    op = Cases(
        name,
        _draw(_off_multiples, _power_of_two),
        _listed(_off_multiples, _power_of_two),
        dtypes=NUMBERS,
        exact=False,
        oracle=oracle,
        mistake=wrong(((2,), "?"), ((2,), "?")),
    )
    return kernel, op


# torch's own floor_divide has no gradient, its division that rounds down has 0
_PAIRED = (
    _both("floor_divide", lambda torch, a, b: torch.div(a, b, rounding_mode="floor")),
    _both("remainder", lambda torch, a, b: torch.remainder(a, b)),
)

KERNELS = tuple(kernel for kernel, _ in _PAIRED)
OPS = tuple(op for _, op in _PAIRED)
