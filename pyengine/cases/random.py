"""Cases of random numbers: the same stream on every backend, whatever its width and number of threads."""

from typing import Any

import numpy as np

from ..dtypes import int64
from .case import FLOATS, Call, Cases, Operand, Pick

# the first word of a block and the others, and counters beyond 32 bits
OFFSETS = (0, 1, 2, 3, 4, 5, 1000, 2**32 - 3, 2**40 + 1)
SEEDS = (0, 1, 42, 2**32 + 5, 2**63 - 1)


def state(seed: int, offset: int) -> Operand:
    """The state of a generator: `offset` words into the stream of `seed`."""

    def exactly(rng: np.random.Generator, shape: Any, exact: bool) -> Any:
        return np.array([seed, offset], np.int64)  # floats could not hold them

    return Operand((2,), exactly, int64)


def _call(seed: int, offset: int, shape: tuple[int, ...], low: float, high: float, dtype: Any) -> Call:
    return Call((state(seed, offset),), {"shape": shape, "low": low, "high": high, "dtype": dtype})


def _draw(pick: Pick) -> Call:
    low, high = pick.choice(((0.0, 1.0), (-1.0, 1.0), (-0.5, 0.25)))
    return _call(pick.choice(SEEDS), pick.choice(OFFSETS), pick.shape(), low, high, pick.choice(FLOATS))


_LISTED = tuple(
    _call(seed, offset, shape, 0.0, 1.0, dtype)
    for seed, offset, shape in ((7, 0, (70_001,)), (7, 3, (3, 257)), (2**40, 2**34 - 8, (2000,)))
    for dtype in FLOATS
)


def _normal_call(call: Call, mean: float, std: float) -> Call:
    attrs = {"shape": call.attrs["shape"], "mean": mean, "std": std, "dtype": call.attrs["dtype"]}
    return Call(call.operands, attrs)


def _draw_normal(pick: Pick) -> Call:
    return _normal_call(_draw(pick), *pick.choice(((0.0, 1.0), (3.0, 0.5), (0.0, 0.0))))


def _normal_error(outputs: Any, drawn: Any, shape: Any, mean: float, std: float, dtype: Any) -> tuple[Any, ...]:
    # The result is rounded once, the reference's too. Before, in float64: log and square root 2, the angle 1, its sine
    # 2, std and the product with it 2 units of |result - mean|; 8 with the sum. In float32 none of these is seen, but
    # for a result that lies next to the middle of two float32.
    return (2 * np.abs(outputs[0]) + 8 * np.abs(outputs[0] - mean),)


def _draw_randint(pick: Pick) -> Call:
    low, high = pick.choice(((0, 1), (0, 10), (-5, 5), (0, 2**62 + 1), (-(2**63), 2**63 - 1)))
    attrs = {"shape": pick.shape(), "low": low, "high": high}
    return Call((state(pick.choice(SEEDS), pick.choice(OFFSETS)),), attrs)


_LISTED_NORMAL = tuple(_normal_call(call, 0.0, 1.0) for call in _LISTED)
_LISTED_RANDINT = tuple(
    Call((state(seed, 3),), {"shape": shape, "low": -3, "high": 8}) for seed, shape in ((7, (70_001,)), (8, (3, 257)))
)

UNIFORM = Cases("uniform", _draw, _LISTED)
NORMAL = Cases("normal", _draw_normal, _LISTED_NORMAL, error=_normal_error, exact=False)
RANDINT = Cases("randint", _draw_randint, _LISTED_RANDINT)

KERNELS = (UNIFORM, NORMAL, RANDINT)
OPS = ()
