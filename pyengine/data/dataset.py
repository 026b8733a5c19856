"""Data sets: things with a length whose samples are found by number."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np

from .. import dtypes
from ..backend import Array
from ..backend import device as find_device
from ..tape import wrap
from ..tensor import Tensor

Sample_co = TypeVar("Sample_co", covariant=True)


@runtime_checkable
class Dataset(Protocol[Sample_co]):
    """What a `DataLoader` reads: `len(dataset)` samples, `dataset[i]` for i from 0 on.

    A sample is a tensor, array or number, or a tuple or dict of such. Any class with these two methods will do.
    One that can also hand over many samples faster than one by one has a `gather(indices)`, which returns the batch.

    >>> from pyengine.data import DataLoader
    >>> class Squares(Dataset):
    ...     def __len__(self):
    ...         return 5
    ...
    ...     def __getitem__(self, index):
    ...         return index, index * index
    >>> next(iter(DataLoader(Squares(), batch_size=3)))
    (tensor([0, 1, 2]), tensor([0, 1, 4]))
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample_co: ...


@runtime_checkable
class IterableDataset(Protocol[Sample_co]):
    """Samples that come one after the other, from a stream or a file too large to count: iterating starts afresh.

    >>> from pyengine.data import DataLoader
    >>> class Countdown(IterableDataset):
    ...     def __iter__(self):
    ...         return iter([3, 2, 1])
    >>> list(DataLoader(Countdown(), batch_size=2))
    [tensor([3, 2]), tensor([1])]
    """

    def __iter__(self) -> Iterator[Sample_co]: ...


class TensorDataset:
    """Samples that are the rows of one or more tensors: sample i is `(tensors[0][i], tensors[1][i], …)`.

    NumPy arrays are taken too and not copied. ValueError where the first axes differ.

    >>> import numpy as np
    >>> dataset = TensorDataset(np.zeros((4, 2), np.float32), np.arange(4))
    >>> len(dataset), dataset[3][1]
    (4, tensor(3))
    """

    def __init__(self, *tensors: "Tensor | Array") -> None:
        if not tensors:
            raise ValueError("TensorDataset: needs at least one tensor")
        self.tensors = tuple(_as_tensor(t) for t in tensors)
        for i, tensor in enumerate(self.tensors):
            if not tensor.shape:
                raise ValueError(f"TensorDataset: tensor {i} has no axes, so it has no samples")
            if tensor.shape[0] != len(self):
                raise ValueError(
                    f"TensorDataset: tensor 0 has {len(self)} samples (shape {self.tensors[0].shape}), "
                    f"tensor {i} has {tensor.shape[0]} (shape {tensor.shape})"
                )

    def __len__(self) -> int:
        return self.tensors[0].shape[0]

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        check_index(self, index)
        return tuple(t[index] for t in self.tensors)

    def gather(self, indices: "np.ndarray[Any, np.dtype[np.int64]]") -> tuple[Tensor, ...]:
        """The samples of these numbers as one batch: a tensor of shape (len(indices), …) for each of the data set's."""
        return tuple(_take(t, indices) for t in self.tensors)


class Subset:
    """Some samples of a data set: sample i is `dataset[indices[i]]`.

    IndexError for an index outside of the data set, TypeError for one that is no whole number, ValueError where the
    indices are no flat list.

    >>> import numpy as np
    >>> odd = Subset(TensorDataset(np.arange(10)), [1, 3, 5, 7, 9])
    >>> len(odd), odd[1]
    (5, (tensor(3),))
    """

    def __init__(self, dataset: Dataset[Any], indices: "Sequence[int] | Array") -> None:
        self.dataset = dataset
        found = np.asarray(indices)
        if found.size and found.dtype.kind not in "iu":
            raise TypeError(f"Subset: indices must be whole numbers, not {found.dtype}")
        self.indices = found.astype(np.int64)
        if self.indices.ndim != 1:
            raise ValueError(f"Subset: indices must be a list of sample numbers, not of shape {self.indices.shape}")
        outside = np.flatnonzero((self.indices < 0) | (self.indices >= len(dataset)))
        if outside.size:
            where = int(outside[0])
            raise IndexError(
                f"Subset: indices[{where}] is {self.indices[where]}; the data set has samples 0 to {len(dataset) - 1}"
            )

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Any:
        check_index(self, index)
        return self.dataset[int(self.indices[index])]


class ConcatDataset:
    """Data sets one after the other, numbered through. ValueError where there are none.

    >>> import numpy as np
    >>> both = ConcatDataset([TensorDataset(np.arange(3)), TensorDataset(np.arange(10, 12))])
    >>> len(both), both[3]
    (5, (tensor(10),))
    """

    def __init__(self, datasets: Iterable[Dataset[Any]]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: there are no data sets to join")
        self.ends = np.cumsum([len(d) for d in self.datasets])

    def __len__(self) -> int:
        return int(self.ends[-1])

    def __getitem__(self, index: int) -> Any:
        check_index(self, index)
        number = index % len(self)
        which = int(np.searchsorted(self.ends, number, side="right"))
        return self.datasets[which][number - int(self.ends[which - 1] if which else 0)]


def check_index(dataset: Any, index: int) -> None:
    """IndexError, naming the data set and its length, where it has no such sample."""
    if not -len(dataset) <= index < len(dataset):
        raise IndexError(f"{type(dataset).__name__}: there is no sample {index}; it has {len(dataset)}")


def _as_tensor(data: "Tensor | Array") -> Tensor:
    if isinstance(data, Tensor):
        return data.detach()
    array = np.asarray(data)
    kind = dtypes.check(array.dtype)
    tensor: Tensor = wrap(array.astype(kind, copy=False), find_device("cpu"))
    return tensor


def _take(tensor: Tensor, indices: "np.ndarray[Any, np.dtype[np.int64]]") -> Tensor:
    gathered: Tensor = wrap(tensor.device.memory.rows(tensor.data, indices), tensor.device)
    return gathered
