"""Splitting a data set into random parts."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..random import Generator
from .dataset import Dataset, Subset
from .sampling import permutation, pick_generator


def random_split(
    dataset: Dataset[Any],
    lengths: Sequence[int] | Sequence[float],
    seed: int | None = None,
    generator: Generator | None = None,
) -> list[Subset]:
    """Disjoint random parts of a data set.

    lengths    how many samples each part gets, or fractions that add up to 1; they are rounded down, and the samples
               left over are dealt to the first parts, one each
    seed       the same seed gives the same parts; without one, and without a generator, `pe.manual_seed` decides
    ValueError where the lengths do not add up, or a fraction leaves its part empty.

    >>> from pyengine.data import load_digits
    >>> [len(part) for part in random_split(load_digits(), [0.70, 0.15, 0.15], seed=0)]
    [1258, 270, 269]
    """
    order = permutation(len(dataset), pick_generator("random_split", seed, generator))
    sizes = _sizes(len(dataset), lengths)
    ends = np.cumsum(sizes)
    return [Subset(dataset, order[end - size : end]) for size, end in zip(sizes, ends, strict=True)]


def _sizes(n: int, lengths: Sequence[int] | Sequence[float]) -> list[int]:
    if not lengths:
        raise ValueError("random_split: no lengths, so no parts to split into")
    if any(not part >= 0 for part in lengths):
        raise ValueError(f"random_split: {list(lengths)} holds a negative length")
    if all(isinstance(part, int | np.integer) for part in lengths):
        if sum(lengths) != n:
            raise ValueError(
                f"random_split: the lengths {list(lengths)} add up to {sum(lengths)}, the data set has {n} samples"
            )
        return [int(part) for part in lengths]
    if not math.isclose(sum(lengths), 1.0, abs_tol=1e-6):
        raise ValueError(f"random_split: the fractions {list(lengths)} add up to {sum(lengths):g}, not to 1")
    sizes = [math.floor(n * part + 1e-9) for part in lengths]  # 0.3 of 10 is 3, whatever 0.3 rounds to
    for i in range(n - sum(sizes)):
        sizes[i % len(sizes)] += 1
    for part, size in zip(lengths, sizes, strict=True):
        if part > 0 and size == 0:
            raise ValueError(f"random_split: the fraction {part:g} of {n} samples leaves a part empty: {sizes}")
    return sizes
