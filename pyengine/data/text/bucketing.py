"""Batches of sentences of about one length, so that little of a batch is padding."""

from collections.abc import Iterator, Sequence

import numpy as np

from ...random import Generator
from ..sampling import Indices, permutation, pick_generator


class BucketBatchSampler:
    """Numbers of samples in batches of similar lengths, for `DataLoader(batch_sampler=…)`.

    lengths     of the samples
    batch_size  samples in a batch; the last one may be smaller
    shuffle     another order each time through; without, the shortest first
    bucket      so many batches are drawn at random together, and sorted by length within: 1 is plain shuffling
    drop_last   leave out what makes no whole batch
    seed        fixes the orders; without one, and without a generator, `pe.manual_seed` does
    ValueError for sizes below 1, and where there are no samples.

    >>> from pyengine.data import DataLoader
    >>> from pyengine.data.text import TokenDataset
    >>> dataset = TokenDataset([[1], [2, 2, 2], [3], [4, 4, 4]], [0, 1, 0, 1])
    >>> sampler = BucketBatchSampler(dataset.lengths, batch_size=2, seed=0)
    >>> sorted(ids.shape for ids, labels in DataLoader(dataset, batch_sampler=sampler))
    [(2, 1), (2, 3)]
    """

    def __init__(
        self,
        lengths: Sequence[int],
        batch_size: int,
        shuffle: bool = True,
        bucket: int = 50,
        drop_last: bool = False,
        seed: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        if batch_size < 1 or bucket < 1 or not len(lengths):
            raise ValueError(
                f"BucketBatchSampler: {len(lengths)} lengths, batch_size {batch_size} and bucket {bucket}; each is "
                f"from 1 on"
            )
        self.lengths = np.asarray(lengths, np.int64)
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.bucket = bucket
        self.drop_last = drop_last
        self.generator = pick_generator("BucketBatchSampler", seed, generator)

    def __len__(self) -> int:
        n = len(self.lengths)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[Indices]:
        n, size = len(self.lengths), self.batch_size
        order = permutation(n, self.generator) if self.shuffle else np.arange(n)
        reach = size * self.bucket if self.shuffle else n
        batches = []
        for start in range(0, n, reach):
            drawn = order[start : start + reach]
            drawn = drawn[np.argsort(self.lengths[drawn], kind="stable")]
            batches += [drawn[i : i + size] for i in range(0, len(drawn), size)]
        if self.drop_last:
            batches = [batch for batch in batches if len(batch) == size]
        if self.shuffle:
            batches = [batches[i] for i in permutation(len(batches), self.generator).tolist()]
        return iter(batches)
