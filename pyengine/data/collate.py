"""From the numbers of samples to a batch."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..tensor import Tensor
from .dataset import Subset
from .sampling import Indices


def fetch(dataset: Any, indices: Indices, collate_fn: Callable[[list[Any]], Any] | None = None) -> Any:
    """The samples of these numbers as one batch, in one go where the data set can; IndexError for one it has not."""
    if indices.size and not (indices.min() >= 0 and indices.max() < len(dataset)):
        bad = indices.min() if indices.min() < 0 else indices.max()
        raise IndexError(f"DataLoader: the sampler asks for sample {bad}; the data set has {len(dataset)}")
    return _fetch(dataset, indices, collate_fn)


def _fetch(dataset: Any, indices: Indices, collate_fn: Callable[[list[Any]], Any] | None) -> Any:
    if collate_fn is None:
        if isinstance(dataset, Subset):
            return _fetch(dataset.dataset, dataset.indices[indices], None)
        if hasattr(dataset, "gather"):
            return dataset.gather(indices)
    return (collate_fn or default_collate)([dataset[int(i)] for i in indices])


def default_collate(samples: Sequence[Any]) -> Any:
    """Samples of the same make as one batch: tensors, arrays and numbers stacked, tuples and dicts entry by entry.

    ValueError for samples of different shapes or numbers of entries, and for none.

    >>> default_collate([(0.5, 1), (1.5, 2)])
    (tensor([0.5, 1.5]), tensor([1, 2]))
    """
    if not samples:
        raise ValueError("DataLoader: a batch of no samples; the sampler gave no numbers for it")
    first = samples[0]
    if isinstance(first, tuple | list):
        lengths = {len(sample) for sample in samples}
        if len(lengths) > 1:
            raise ValueError(f"DataLoader: samples of {min(lengths)} and of {max(lengths)} entries make no batch")
        return tuple(default_collate(entries) for entries in zip(*samples, strict=True))
    if isinstance(first, dict):
        return {key: default_collate([sample[key] for sample in samples]) for key in first}
    if isinstance(first, str):
        return list(samples)
    if not isinstance(first, Tensor | np.ndarray):
        return Tensor(list(samples))
    arrays = [s.device.memory.get(s.data) if isinstance(s, Tensor) else s for s in samples]
    for i, array in enumerate(arrays):
        if array.shape != arrays[0].shape:
            raise ValueError(
                f"DataLoader: samples of shapes {arrays[0].shape} and {array.shape} (numbers 0 and {i} of a batch) do "
                f"not stack; pass a collate_fn that pads them"
            )
    return Tensor(np.stack(arrays), device=first.device if isinstance(first, Tensor) else None)
