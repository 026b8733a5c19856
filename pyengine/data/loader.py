"""DataLoader: a data set in batches."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..random import Generator
from ..tensor import Tensor
from .dataset import Dataset, Subset
from .sampling import Indices, permutation, pick_generator


class DataLoader:
    """Walks through a data set in batches: `for images, labels in loader: …`, once through for each `for`.

    dataset     what to load; see `Dataset`
    batch_size  samples in a batch; the last batch may be smaller
    shuffle     a new random order each time through
    drop_last   leave the last batch out where it is smaller
    seed        fixes the orders; without one, and without a generator, they come from the default generator, so that
                `pe.manual_seed` fixes them
    collate_fn  makes a batch of a list of samples; by default `default_collate`
    ValueError where there is nothing to load: an empty data set, or drop_last with too few samples for one batch.

    >>> import numpy as np
    >>> from pyengine.data import TensorDataset
    >>> for (x,) in DataLoader(TensorDataset(np.arange(5)), batch_size=2):
    ...     print(x)
    tensor([0, 1])
    tensor([2, 3])
    tensor([4])
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        batch_size: int = 1,
        shuffle: bool = False,
        drop_last: bool = False,
        seed: int | None = None,
        generator: Generator | None = None,
        collate_fn: Callable[[list[Any]], Any] | None = None,
    ) -> None:
        if not isinstance(batch_size, int | np.integer) or isinstance(batch_size, bool) or batch_size < 1:
            raise ValueError(f"DataLoader: batch_size is a number of samples, an int from 1 on, not {batch_size!r}")
        if len(dataset) == 0:
            raise ValueError("DataLoader: the data set is empty")
        if drop_last and len(dataset) < batch_size:
            raise ValueError(
                f"DataLoader: {len(dataset)} samples make no batch of {batch_size}, "
                f"and drop_last=True leaves out smaller ones"
            )
        self.dataset = dataset
        self.batch_size = int(batch_size)
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.generator = pick_generator("DataLoader", seed, generator)
        self.collate_fn = collate_fn

    def __len__(self) -> int:
        """The number of batches."""
        n = len(self.dataset)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        order = permutation(len(self.dataset), self.generator) if self.shuffle else np.arange(len(self.dataset))
        for i in range(len(self)):
            yield fetch(self.dataset, order[i * self.batch_size : (i + 1) * self.batch_size], self.collate_fn)


def fetch(dataset: Any, indices: Indices, collate_fn: Callable[[list[Any]], Any] | None = None) -> Any:
    """The samples of these numbers as one batch, in one go where the data set can."""
    if collate_fn is None:
        if isinstance(dataset, Subset):
            return fetch(dataset.dataset, dataset.indices[indices])
        if hasattr(dataset, "gather"):
            return dataset.gather(indices)
    return (collate_fn or default_collate)([dataset[int(i)] for i in indices])


def default_collate(samples: Sequence[Any]) -> Any:
    """Samples of the same make as one batch: tensors, arrays and numbers stacked, tuples and dicts entry by entry.

    >>> default_collate([(0.5, 1), (1.5, 2)])
    (tensor([0.5, 1.5]), tensor([1, 2]))
    """
    first = samples[0]
    if isinstance(first, tuple | list):
        return tuple(default_collate(entries) for entries in zip(*samples, strict=True))
    if isinstance(first, dict):
        return {key: default_collate([sample[key] for sample in samples]) for key in first}
    if isinstance(first, str):
        return list(samples)
    if not isinstance(first, Tensor | np.ndarray):
        return Tensor(list(samples))
    arrays = [s.data if isinstance(s, Tensor) else s for s in samples]
    for i, array in enumerate(arrays):
        if array.shape != arrays[0].shape:
            raise ValueError(
                f"DataLoader: samples of shapes {arrays[0].shape} and {array.shape} (numbers 0 and {i} of a batch) do "
                f"not stack; pass a collate_fn that pads them"
            )
    return Tensor(np.stack(arrays), device=first.device if isinstance(first, Tensor) else None)
