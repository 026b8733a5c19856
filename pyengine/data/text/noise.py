"""Changing sentences a little as they are loaded, so that a model does not learn them by heart."""

import numpy as np

from ...backend import Array
from ...random import Generator, rand


class DropWords:
    """Each word of a batch of ids is made <unk> with probability p: what the sentence says must show in the others.

    p     the probability
    unk   the id that takes a word's place
    pad   the id that fills up, which stays
    For `DataLoader(transform=…)` of the training part. ValueError for p outside [0, 1].

    M. Iyyer and others, "Deep unordered composition rivals syntactic methods for text classification" (2015).

    >>> DropWords(1.0)(np.array([[7, 8, 0]]))
    array([[1, 1, 0]])
    """

    def __init__(self, p: float, unk: int = 1, pad: int = 0) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"DropWords: p is a probability, from 0 to 1, not {p}")
        self.p = p
        self.unk = unk
        self.pad = pad

    def __call__(self, ids: Array, generator: Generator | None = None) -> Array:
        """[n, tokens] to the same shape."""
        dropped = rand(*ids.shape, generator=generator).data < self.p
        changed: Array = np.where(dropped & (ids != self.pad), self.unk, ids)
        return changed
