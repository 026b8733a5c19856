"""Cases of copying, casting and filling: nothing is computed, so all backends give the same bits."""

from typing import Any

import numpy as np

from ..backend import Array
from ..dtypes import ALL, bfloat16, float16, float32, float64, int64, uint8
from .case import Call, Cases, Operand, Pick, Shape


def _castable(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """Numbers in the range of every dtype, some with a fraction: casting a float from beyond it is undefined."""
    return np.asarray(rng.integers(0, 120, shape) if exact else rng.uniform(0, 120, shape) * rng.integers(0, 2, shape))


def _signed(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    return np.asarray(_castable(rng, shape, exact) * rng.choice([-1, 1], shape))


def _draw_copy(pick: Pick) -> Call:
    return Call((Operand(pick.shape(), _castable),), {"dtype": pick.choice(ALL)})


def _draw_signed(pick: Pick) -> Call:
    # float64 often: only that cast has a gradient that finite differences can see
    target = pick.choice((float64, float64, float64, *(d for d in ALL if d != uint8)))
    return Call((Operand(pick.shape(), _signed),), {"dtype": target})


_LISTED_COPY = (
    *(Call((Operand((3, 37, 70), _castable),), {"dtype": dtype}) for dtype in ALL),
    Call((Operand((70_001,), _castable),), {"dtype": float32}),
    Call((Operand((3, 65, 129), _castable),), {"dtype": float32}),  # one more than whole tiles of a transpose
    Call((Operand((257, 300), _castable),), {"dtype": float16}),
    Call((Operand((257, 300), _castable),), {"dtype": bfloat16}),
    Call((Operand((0, 3), _castable),), {"dtype": int64}),
    Call((Operand((), _castable),), {"dtype": float64}),
)

_FILLERS = {"f": (0.0, 1.5, -2.25), "V": (0.0, 1.5, -2.25), "i": (0, 7, -3), "u": (0, 200), "b": (0, 1)}


def _draw_full(pick: Pick) -> Call:
    dtype: np.dtype = pick.choice(ALL)
    return Call((), {"shape": pick.shape(), "value": float(pick.choice(_FILLERS[dtype.kind])), "dtype": dtype})


_LISTED_FULL = (
    Call((), {"shape": (70_001,), "value": 2.5, "dtype": float32}),
    Call((), {"shape": (0, 2), "value": 1.0, "dtype": float64}),
    Call((), {"shape": (), "value": float("nan"), "dtype": float64}),
    Call((), {"shape": (3,), "value": float("-inf"), "dtype": float16}),
    Call((), {"shape": (3,), "value": float(2**53), "dtype": int64}),
)


def _torch_copy(torch: Any, a: Any, dtype: np.dtype) -> Any:
    return a.to(getattr(torch, dtype.name))


# the op casts what may be tracked, floats; the kernel anything to anything
COPY_KERNEL = Cases("copy", _draw_copy, _LISTED_COPY, dtypes=ALL)
COPY = Cases("copy", _draw_signed, _LISTED_COPY, oracle=_torch_copy)
FULL = Cases("full", _draw_full, _LISTED_FULL)

KERNELS = (COPY_KERNEL, FULL)
OPS = (COPY,)
