"""Splitting a data set into random parts."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import Array
from ..random import Generator
from .dataset import Dataset, Subset
from .sampling import Indices, permutation, pick_generator


def random_split(
    dataset: Dataset[Any],
    lengths: Sequence[int] | Sequence[float],
    seed: int | None = None,
    generator: Generator | None = None,
    stratify: Sequence[int] | None = None,
) -> list[Subset]:
    """Disjoint random parts of a data set.

    lengths    how many samples each part gets, or fractions that add up to 1; they are rounded down, and the samples
               left over are dealt to the first parts, one each
    seed       the same seed gives the same parts; without one, and without a generator, `pe.manual_seed` decides
    stratify   a class for each sample: every part gets its share of each class, to within one or two samples
    ValueError where the lengths do not add up, a fraction leaves its part empty, or the classes are not one for each.

    >>> from pyengine.data import load_digits
    >>> [len(part) for part in random_split(load_digits(), [0.70, 0.15, 0.15], seed=0)]
    [1258, 270, 269]
    """
    order = permutation(len(dataset), pick_generator("random_split", seed, generator))
    sizes = _sizes(len(dataset), lengths)
    if stratify is not None:
        order = _dealt(order, np.asarray(stratify))
    ends = np.cumsum(sizes)
    return [Subset(dataset, order[end - size : end]) for size, end in zip(sizes, ends, strict=True)]


def _dealt(order: Indices, classes: Array) -> Indices:
    """The order with the samples of each class spread evenly over it, so that any stretch has its share of each."""
    if classes.shape != order.shape:
        raise ValueError(f"random_split: {len(order)} samples, but stratify has shape {classes.shape}")
    shuffled = classes[order]
    places = np.empty(len(order))
    for kind in np.unique(shuffled):
        own = shuffled == kind
        places[own] = (np.arange(own.sum()) + 0.5) / own.sum()
    dealt: Indices = order[np.argsort(places, kind="stable")]
    return dealt


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
