"""Chance for each element: word i of the Philox stream decides on element i."""

import numpy as np

from ._common import Array, float_only, ieee, result
from .random import words

__all__ = ["bernoulli", "dropout"]


def _words(a: Array, state: Array) -> Array:
    return words(int(state[0]), int(state[1]), a.size).reshape(a.shape)


@ieee
def dropout(a: Array, state: Array, p: float, out: Array | None = None) -> Array:
    float_only("dropout", a)
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p is a probability, from 0 to 1, not {p}")
    kept = _words(a, state).astype(np.float64) >= np.rint(p * 2**32)
    scale = a.dtype.type(1 / (1 - p)) if p < 1 else a.dtype.type(0)
    return result(np.where(kept, a * scale, np.zeros((), a.dtype)), out)


@ieee
def bernoulli(a: Array, state: Array, out: Array | None = None) -> Array:
    float_only("bernoulli", a)
    below = _words(a, state).astype(np.float64) < a.astype(np.float64) * 2.0**32
    return result(below.astype(a.dtype), out)
