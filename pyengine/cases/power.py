"""Cases of powers."""

from typing import Any

import numpy as np

from ..backend import Array
from .case import NUMBERS, Call, Cases, Operand, Pick, Shape, Values, real, wide, wrong

_PAIRS = (
    ((70_001,), (70_001,)),
    ((257, 300), (300,)),
    ((70_001,), ()),
    ((), (257, 30)),
    ((3, 1, 5), (4, 1)),
    ((0, 4), (1, 4)),
)


def _positive(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """Bases at least 0.1 from 0, where slopes have no bound."""
    return np.asarray(0.1 + np.abs(rng.standard_normal(shape)))


def _any_base(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    return np.asarray(rng.choice([0.0, -0.0, 1.0, -1.0, 2.0, -3.0, 1e-40, 0.3, -0.7, 1e30, np.inf, -np.inf], shape))


def _any_exponent(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """Whole and broken, odd and even, tiny, huge and infinite."""
    return np.asarray(rng.choice([0.0, 1.0, -1.0, 2.0, 3.0, -5.0, 0.5, 1.5, 1e-30, 2.0**25, -1e30, np.inf], shape))


def _draw(base: Values, exponent: Values) -> Any:
    def draw(pick: Pick) -> Call:
        shape = pick.shape()
        a, b = pick.choice(
            ((shape, shape), (shape, pick.narrowed(shape)), (pick.narrowed(shape), pick.narrowed(shape)))
        )
        return Call((Operand(a, base), Operand(b, exponent)))

    return draw


def _listed(base: Values, exponent: Values) -> tuple[Call, ...]:
    return tuple(Call((Operand(a, base), Operand(b, exponent))) for a, b in _PAIRS)


def _one_ulp(outputs: Any, *operands: Array, **attrs: Any) -> tuple[Array]:
    """vec_pow.h computes in double; the C library promises 1 ulp, at most 2 u of the result."""
    return (2 * np.abs(outputs[0]),)


_EXPONENTS = (2, 3, 0, 1, -1, 0.5, -0.5, 2.5, -2, 10, 1.75)


def _draw_scalar(pick: Pick) -> Call:
    return Call((Operand(pick.shape(), _positive),), {"exponent": pick.choice(_EXPONENTS)})


POW_KERNEL = Cases(
    "pow",
    _draw(wide, real),
    (*_listed(_positive, real), *_listed(wide, _any_exponent), *_listed(_any_base, _any_exponent)),
    dtypes=NUMBERS[:2],
    error=_one_ulp,
    exact=False,
    aliases=(0, 1),
)
POW = Cases(
    "pow",
    _draw(_positive, real),
    _listed(_positive, real),
    error=_one_ulp,
    exact=False,
    oracle=lambda torch, a, b: torch.pow(a, b),
    mistake=wrong(((2,), "?"), ((2,), "?")),
)
POW_SCALAR = Cases(
    "pow_scalar",
    _draw_scalar,
    tuple(Call((Operand((7, 5), _positive),), {"exponent": e}) for e in _EXPONENTS),
    error=_one_ulp,
    exact=False,
    oracle=lambda torch, a, exponent: torch.pow(a, exponent),
    mistake=wrong(((2,), "?"), exponent=2),
)

KERNELS = (POW_KERNEL,)
OPS = (POW, POW_SCALAR)
