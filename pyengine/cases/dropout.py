"""Cases of dropout and Bernoulli draws: the same words and one rounding on every backend, so the same bits."""

from typing import Any

import numpy as np

from ..backend import Array
from ..reference.random import words
from .case import Call, Cases, Operand, Pick, Shape, real, wrong
from .random import OFFSETS, SEEDS, state


def _chances(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    return np.asarray(rng.integers(0, 2, shape) if exact else rng.uniform(-0.1, 1.1, shape))


def _draw_dropout(pick: Pick) -> Call:
    drawn = state(pick.choice(SEEDS), pick.choice(OFFSETS))
    return Call((Operand(pick.shape(), real), drawn), {"p": pick.choice((0.0, 0.5, 0.1, 0.75, 1.0))})


def _draw_bernoulli(pick: Pick) -> Call:
    return Call((Operand(pick.shape(), _chances), state(pick.choice(SEEDS), pick.choice(OFFSETS))))


_LISTED_DROPOUT = tuple(
    Call((Operand(shape), state(7, 3)), {"p": p}) for shape in ((70_001,), (257, 300)) for p in (0.5, 0.1)
)
_LISTED_BERNOULLI = (Call((Operand((300, 257), _chances), state(7, 3))),)


def _torch_dropout(torch: Any, a: Any, drawn: Any, p: float) -> Any:
    seed, offset = drawn.tolist()
    kept = words(seed, offset, a.numel()).astype(np.float64) >= p * 2.0**32
    return a * torch.from_numpy(kept.reshape(tuple(a.shape))) / max(1 - p, 1e-30)


DROPOUT_KERNEL = Cases("dropout", _draw_dropout, _LISTED_DROPOUT, aliases=(0,))
BERNOULLI = Cases("bernoulli", _draw_bernoulli, _LISTED_BERNOULLI, aliases=(0,))
DROPOUT = Cases(
    "dropout",
    _draw_dropout,
    _LISTED_DROPOUT,
    oracle=_torch_dropout,
    mistake=wrong(((2, 3), "f4"), ((2,), "i8"), p=1.5),
)

KERNELS = (DROPOUT_KERNEL, BERNOULLI)
OPS = (DROPOUT,)
