"""Cases of random numbers: the same stream on every backend, whatever its width and number of threads."""

from typing import Any

import numpy as np

from ..dtypes import int64
from .case import FLOATS, Call, Cases, Operand, Pick

# the first word of a block and the others, and counters beyond 32 bits
_OFFSETS = (0, 1, 2, 3, 4, 5, 1000, 2**32 - 3, 2**40 + 1)
_SEEDS = (0, 1, 42, 2**32 + 5, 2**63 - 1)


def _state(seed: int, offset: int) -> Operand:
    def exactly(rng: np.random.Generator, shape: Any, exact: bool) -> Any:
        return np.array([seed, offset], np.int64)  # floats could not hold them

    return Operand((2,), exactly, int64)


def _call(seed: int, offset: int, shape: tuple[int, ...], low: float, high: float, dtype: Any) -> Call:
    return Call((_state(seed, offset),), {"shape": shape, "low": low, "high": high, "dtype": dtype})


def _draw(pick: Pick) -> Call:
    low, high = pick.choice(((0.0, 1.0), (-1.0, 1.0), (-0.5, 0.25)))
    return _call(pick.choice(_SEEDS), pick.choice(_OFFSETS), pick.shape(), low, high, pick.choice(FLOATS))


_LISTED = tuple(
    _call(seed, offset, shape, 0.0, 1.0, dtype)
    for seed, offset, shape in ((7, 0, (70_001,)), (7, 3, (3, 257)), (2**40, 2**34 - 8, (2000,)))
    for dtype in FLOATS
)

UNIFORM = Cases("uniform", _draw, _LISTED)

KERNELS = (UNIFORM,)
OPS = ()
