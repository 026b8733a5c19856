"""Data sets of tokens: sentences filled up to one length in a batch, and windows cut from running text."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, SupportsIndex

import numpy as np

from ...backend import Array
from ...backend import device as find_device
from ...creation import ones
from ...tape import require_tensors, wrap
from ...tensor import Tensor
from ..dataset import check_index
from ..sampling import Indices


def pad_sequences(sequences: Sequence[Any], pad: int = 0, length: int | None = None) -> Tensor:
    """Lists of ids as the rows of one int64 tensor, the shorter ones filled up with `pad` at their ends.

    length  of the rows; by default that of the longest list
    Returns (len(sequences), length). ValueError for no lists, one that is longer than `length` or no flat list;
    TypeError for one of anything but whole numbers.

    >>> pad_sequences([[5, 6, 7], [8]])
    tensor([[5, 6, 7],
            [8, 0, 0]])
    """
    if not len(sequences):
        raise ValueError("pad_sequences: no sequences, so there is no batch")
    longest = max(len(sequence) for sequence in sequences)
    if length is not None and longest > length:
        raise ValueError(f"pad_sequences: a sequence of {longest} tokens does not fit into {length}")
    rows = np.full((len(sequences), longest if length is None else length), pad, np.int64)
    for row, sequence in zip(rows, sequences, strict=True):
        row[: len(sequence)] = as_ids("pad_sequences", sequence)
    return _tensor(rows)


def pad_collate(samples: Sequence[tuple[Any, Any]], pad: int = 0) -> tuple[Tensor, Tensor]:
    """Samples (ids, label) as a batch, for `DataLoader(collate_fn=…)`: ids filled up, (n, longest), and labels, (n,).

    TypeError for ids and labels that are no whole numbers.

    >>> pad_collate([([5, 6, 7], 1), ([8], 0)])
    (tensor([[5, 6, 7],
            [8, 0, 0]]), tensor([1, 0]))
    """
    ids, labels = zip(*samples, strict=True)
    return pad_sequences(ids, pad), Tensor(as_labels("pad_collate", labels))


def padding_mask(ids: Tensor, pad: int = 0) -> Tensor:
    """Where a batch of ids is filled up: bool, of the ids' shape, True where attention must not look.

    TypeError for ids that are no tensor.

    >>> padding_mask(pad_sequences([[5, 6], [8]]))
    tensor([[False, False],
            [False,  True]])
    """
    require_tensors("padding_mask", ids)
    return ids == pad


def causal_mask(length: int) -> Tensor:
    """What each token may not look at, the ones after it: bool of shape (length, length), True above the diagonal.

    >>> causal_mask(3)
    tensor([[False,  True,  True],
            [False, False,  True],
            [False, False, False]])
    """
    return ones(length, length).triu(1) > 0


class TokenDataset:
    """Sentences as ids, with their labels: sample i is `(ids, label)`; a batch is filled up to its longest sentence.

    sequences  a list of ids for each sentence
    labels     whole numbers, one for each
    pad        the id that fills up
    texts      the sentences themselves, where they are known
    A batch is (ids (n, longest), labels (n,)), both int64. ValueError where sentences and labels are not equally many,
    and for a sentence without tokens; TypeError for ids or labels that are no whole numbers.

    >>> from pyengine.data import DataLoader
    >>> dataset = TokenDataset([[5, 6, 7], [8]], [1, 0])
    >>> next(iter(DataLoader(dataset, batch_size=2)))
    (tensor([[5, 6, 7],
            [8, 0, 0]]), tensor([1, 0]))
    """

    def __init__(
        self,
        sequences: Sequence[Any],
        labels: Sequence[int] | Array,
        pad: int = 0,
        texts: Sequence[str] = (),
        device: str = "cpu",
    ) -> None:
        if len(sequences) != len(labels) or (texts and len(texts) != len(labels)):
            raise ValueError(f"TokenDataset: {len(sequences)} sequences, {len(labels)} labels, {len(texts)} texts")
        self.sequences = [as_ids("TokenDataset", sequence) for sequence in sequences]
        self.labels = as_labels("TokenDataset", labels)
        empty = next((i for i, sequence in enumerate(self.sequences) if not sequence.size), None)
        if empty is not None:
            shown = f", {texts[empty]!r}," if texts else ""
            raise ValueError(f"TokenDataset: sentence {empty}{shown} has no tokens; leave empty texts out")
        self.pad = pad
        self.texts = tuple(texts)
        self.device = find_device(device)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        check_index(self, index)
        ids, labels = self.gather(np.array([index % len(self)]))
        return ids[0], labels[0]

    @property
    def lengths(self) -> list[int]:
        """How many tokens each sentence has: what `BucketBatchSampler` takes."""
        return [len(sequence) for sequence in self.sequences]

    def gather(self, indices: Indices) -> tuple[Tensor, Tensor]:
        """The samples of these numbers as one batch: ids (len(indices), longest), labels (len(indices),)."""
        ids = pad_sequences([self.sequences[int(i)] for i in indices], self.pad)
        return _on(self.device, ids.data), _on(self.device, self.labels[indices])

    def to(self, device: str) -> "TokenDataset":
        """The same sentences, with batches on another device."""
        return TokenDataset(self.sequences, self.labels, self.pad, self.texts, device)


class TokenWindows:
    """Pieces of running text, each with the next token of every token as its label, which nobody had to write.

    tokens  ids, one after the other: a list, an array or a tensor without further axes
    length  of a piece
    stride  tokens between the beginnings of two pieces; 1: one begins at each token
    Sample i is (x, y), both int64 of shape (length,): x = tokens[s : s + length], y = tokens[s + 1 : s + 1 + length],
    with s = i · stride. ValueError for a text of `length` tokens or fewer, and for sizes below 1; TypeError for tokens
    that are no whole numbers.

    >>> windows = TokenWindows([10, 11, 12, 13], length=2)
    >>> len(windows), windows[1]
    (2, (tensor([11, 12]), tensor([12, 13])))
    """

    def __init__(self, tokens: Any, length: int, stride: int = 1, device: str = "cpu") -> None:
        self.tokens = as_ids("TokenWindows", tokens)
        if length < 1 or stride < 1:
            raise ValueError(f"TokenWindows: length and stride are from 1 on, not {length} and {stride}")
        if len(self.tokens) <= length:
            raise ValueError(
                f"TokenWindows: a text of {len(self.tokens)} tokens is too short for pieces of {length} and the token "
                f"after; it takes {length + 1}"
            )
        self.length = length
        self.stride = stride
        self.device = find_device(device)

    def __len__(self) -> int:
        return (len(self.tokens) - self.length - 1) // self.stride + 1

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        check_index(self, index)
        x, y = self.gather(np.array([index % len(self)]))
        return x[0], y[0]

    def gather(self, indices: Indices) -> tuple[Tensor, Tensor]:
        """The pieces of these numbers as one batch: two of shape (len(indices), length)."""
        places = indices[:, None] * self.stride + np.arange(self.length)
        return _on(self.device, self.tokens[places]), _on(self.device, self.tokens[places + 1])


def as_ids(name: str, sequence: Any) -> Array:
    """A list, array or tensor of ids as int64 (tokens,); TypeError or ValueError, in that name, for anything else."""
    try:
        found = np.asarray(sequence.numpy() if isinstance(sequence, Tensor) else sequence)
    except ValueError:  # lists of different lengths
        raise ValueError(f"{name}: a text is one row of ids, not lists in lists") from None
    if found.dtype.kind == "U":
        raise TypeError(f"{name}: takes ids, not texts; encode them first: WordVocab.build(texts).encode(text)")
    if found.ndim != 1:
        raise ValueError(f"{name}: a text is one row of ids, not of shape {found.shape}")
    if found.size and found.dtype.kind not in "iu":
        raise TypeError(f"{name}: ids are whole numbers, not {found.dtype}")
    return found.astype(np.int64, copy=False)


def as_labels(name: str, labels: Any) -> Array:
    """The classes of samples as int64; TypeError, in that name, where one is no whole number."""
    if not (isinstance(labels, np.ndarray) and labels.dtype.kind in "iub"):
        for label in labels:
            if not isinstance(label, SupportsIndex):
                raise TypeError(
                    f"{name}: labels are numbers of classes, from 0 on, not {label!r}; with classes = "
                    f"sorted(set(labels)) they are [classes.index(label) for label in labels]"
                )
        labels = [int(label) for label in labels]
    return np.asarray(labels, np.int64)


def encode_all(texts: Iterable[str], encode: Callable[[str], Sequence[int]], length: int | None = None) -> list[Array]:
    """The ids of each text, cut off after `length` tokens."""
    return [np.asarray(encode(text), np.int64)[:length] for text in texts]


def _tensor(array: Array) -> Tensor:
    return _on(find_device("cpu"), array)


def _on(device: Any, array: Array) -> Tensor:
    tensor: Tensor = wrap(device.memory.at(array), device)
    return tensor
