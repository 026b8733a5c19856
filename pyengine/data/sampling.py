"""The order in which samples are read; where it is random, the same for the same seed on every machine."""

from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, TypeAlias

import numpy as np

from .. import dtypes
from ..random import Generator, default_generator, randperm, uniform

Indices: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"


def permutation(n: int, generator: Generator | None = None) -> Indices:
    """The numbers 0 … n-1 in an even random order: `pe.randperm` as an array.

    >>> sorted(permutation(5)) == list(range(5))
    True
    """
    return randperm(n, generator=generator).data


def pick_generator(what: str, seed: int | None, generator: Generator | None) -> Generator:
    """The generator to use: the given one, a new one of `seed`, or else the default one."""
    if seed is not None and generator is not None:
        raise ValueError(f"{what}: give a seed or a generator, not both")
    return Generator(seed) if seed is not None else generator or default_generator


class SequentialSampler:
    """0, 1, 2, … to the end of a data set.

    >>> list(SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __len__(self) -> int:
        return len(self.data_source)

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self)))


class RandomSampler:
    """The samples of a data set in a new random order each time through.

    replacement  draw each time from all, so that some come up twice and some not
    num_samples  how many, by default as many as there are
    seed         fixes the orders; without one, and without a generator, `pe.manual_seed` does
    ValueError for more samples than there are, unless with replacement.

    >>> sorted(RandomSampler("abcd", seed=0))
    [0, 1, 2, 3]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        seed: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self.num_samples = len(data_source) if num_samples is None else num_samples
        self.generator = pick_generator("RandomSampler", seed, generator)
        if self.num_samples < 0 or (not replacement and self.num_samples > len(data_source)):
            raise ValueError(
                f"RandomSampler: cannot draw {self.num_samples} of {len(data_source)} samples without replacement"
            )

    def __len__(self) -> int:
        return self.num_samples

    def __iter__(self) -> Iterator[int]:
        n = len(self.data_source)
        if self.replacement:
            keys = uniform((self.num_samples,), dtype=dtypes.float64, generator=self.generator).data
            return iter((keys * n).astype(np.int64).tolist())
        return iter(permutation(n, self.generator)[: self.num_samples].tolist())


class WeightedRandomSampler:
    """Samples drawn with replacement, each with a chance in proportion to its weight: to balance rare classes.

    ValueError for weights that are negative, not finite, or all 0.

    >>> set(WeightedRandomSampler([0.0, 1.0, 1.0], num_samples=100, seed=0))
    {1, 2}
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        seed: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.weights = np.asarray(weights, np.float64)
        self.num_samples = num_samples
        self.generator = pick_generator("WeightedRandomSampler", seed, generator)
        usable = self.weights.ndim == 1 and np.isfinite(self.weights).all() and (self.weights >= 0).all()
        if not usable or not self.weights.sum() > 0:
            raise ValueError("WeightedRandomSampler: weights are finite numbers ≥ 0, one for each sample, not all 0")

    def __len__(self) -> int:
        return self.num_samples

    def __iter__(self) -> Iterator[int]:
        # where each draw falls in the line of all weights laid end to end
        ends = np.cumsum(self.weights)
        keys = uniform((self.num_samples,), dtype=dtypes.float64, generator=self.generator).data
        return iter(np.searchsorted(ends, keys * ends[-1], side="right").tolist())


class BatchSampler:
    """The numbers that a sampler gives, batch_size at a time, as arrays.

    >>> [batch.tolist() for batch in BatchSampler(SequentialSampler("abcde"), batch_size=2, drop_last=False)]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool = False) -> None:
        self.sampler: Any = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __len__(self) -> int:
        n = len(self.sampler)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[Indices]:
        order = np.fromiter(self.sampler, np.int64)
        size = self.batch_size
        used = len(order) - (len(order) % size if self.drop_last else 0)
        return iter([order[start : min(start + size, used)] for start in range(0, used, size)])
