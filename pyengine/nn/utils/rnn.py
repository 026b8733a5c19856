"""Sequences of different lengths: padded to one length, or packed, which leaves the padding out.

Packed, the first elements of all sequences lie below each other, the longest sequence first, then all second elements,
and so on: a layer that goes step by step reads straight on, and never computes with padding.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...backend import Array, Device
from ...creation import full, tensor
from ...joining import cat
from ...ops.index import INDEX_PUT
from ...tape import apply, located, require_tensors
from ...tensor import Tensor

__all__ = ["PackedSequence", "pack_padded_sequence", "pack_sequence", "pad_packed_sequence", "pad_sequence"]


class PackedSequence(NamedTuple):
    """What `pack_padded_sequence` makes, and recurrent layers take and give.

    data              (elements of all sequences, …)
    batch_sizes       int64, on the CPU: how many sequences reach each step
    sorted_indices    for each packed sequence its place among those given; None where they came sorted
    unsorted_indices  the way back
    """

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None

    def to(self, device: "str | Device") -> "PackedSequence":
        """The data and the indices on another device; batch_sizes stay on the CPU."""
        moved = (None if t is None else t.to(device) for t in (self.sorted_indices, self.unsorted_indices))
        return PackedSequence(self.data.to(device), self.batch_sizes, *moved)


def pack_padded_sequence(
    input: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """The elements of padded sequences without their padding.

    input           (steps, sequences, …), or with batch_first (sequences, steps, …)
    lengths         of the sequences, each from 1 to the number of steps
    enforce_sorted  whether they come with the longest one first; else they are sorted, and sorted back afterwards
    ValueError for other lengths, and where they should be sorted and are not.

    >>> import pyengine as pe
    >>> padded = pe.tensor([[1.0, 2.0, 3.0], [4.0, 0.0, 0.0]]).unsqueeze(-1)
    >>> packed = pack_padded_sequence(padded, [3, 1], batch_first=True)
    >>> packed.data.reshape(-1), packed.batch_sizes
    (tensor([1., 4., 2., 3.]), tensor([2, 1, 1]))
    """
    require_tensors("pack_padded_sequence", input)
    if input.ndim < 2:
        raise located(ValueError(f"pack_padded_sequence: needs axes of steps and sequences, got shape {input.shape}"))
    steps, batch = input.shape[1::-1] if batch_first else input.shape[:2]
    counts = _lengths("pack_padded_sequence", lengths, steps, batch)
    order = np.argsort(-counts, kind="stable")
    if enforce_sorted and (counts[order] != counts).any():
        raise located(
            ValueError(
                f"pack_padded_sequence: lengths {counts.tolist()} do not fall; sort the sequences by length, "
                f"or let it be done here: enforce_sorted=False"
            )
        )
    step, place = _positions(counts[order])
    sequence = order[place]
    at = sequence * steps + step if batch_first else step * batch + sequence
    data = input.reshape(steps * batch, *input.shape[2:]).index_select(0, tensor(at, device=input.device))
    sizes = tensor(np.bincount(step).astype(np.int64))
    if enforce_sorted:
        return PackedSequence(data, sizes)
    back = np.empty_like(order)
    back[order] = np.arange(batch)
    return PackedSequence(data, sizes, tensor(order, device=input.device), tensor(back, device=input.device))


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """The sequences padded to one length, and their lengths: the way back from `pack_padded_sequence`.

    total_length  the number of steps; None for the length of the longest sequence. ValueError for fewer than that
    TypeError for what is no PackedSequence.

    >>> import pyengine as pe
    >>> packed = pack_sequence([pe.tensor([1.0, 2.0]), pe.tensor([3.0])])
    >>> pad_packed_sequence(packed, batch_first=True, padding_value=-1.0)
    (tensor([[ 1.,  2.],
            [ 3., -1.]]), tensor([2, 1]))
    """
    if not isinstance(sequence, PackedSequence):
        kind = type(sequence).__name__
        raise located(TypeError(f"pad_packed_sequence: takes what pack_padded_sequence gives, not a {kind}"))
    sizes = sequence.batch_sizes.numpy()
    steps, batch = len(sizes), int(sizes[0])
    if total_length is not None and total_length < steps:
        raise located(ValueError(f"pad_packed_sequence: a sequence of {steps} steps is longer than {total_length}"))
    counts = (sizes[:, None] > np.arange(batch)).sum(0)
    step, place = _positions(counts)
    if sequence.sorted_indices is not None:
        order = sequence.sorted_indices.numpy()
        place = order[place]
        counts = counts[np.argsort(order)]
    return (
        _spread(sequence.data, step, place, (total_length or steps, batch), batch_first, padding_value),
        tensor(counts.astype(np.int64)),
    )


def pad_sequence(
    sequences: Sequence[Tensor], batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Sequences (length, …) padded to the length of the longest: (steps, sequences, …), or as batch_first says.

    padding_side  "right", or "left" for padding in front. ValueError where there is none, or shapes do not go together.

    >>> import pyengine as pe
    >>> pad_sequence([pe.tensor([1.0, 2.0]), pe.tensor([3.0])], batch_first=True)
    tensor([[1., 2.],
            [3., 0.]])
    """
    require_tensors("pad_sequence", *sequences)
    if not sequences or any(s.ndim < 1 or s.shape[1:] != sequences[0].shape[1:] for s in sequences):
        shapes = [s.shape for s in sequences]
        raise located(ValueError(f"pad_sequence: needs sequences that differ in their first axis alone, got {shapes}"))
    if padding_side not in ("right", "left"):
        raise located(ValueError(f"pad_sequence: padding_side is 'right' or 'left', not {padding_side!r}"))
    counts = np.array([s.shape[0] for s in sequences])
    longest, place = int(counts.max()), np.repeat(np.arange(len(counts)), counts)
    step = np.concatenate([np.arange(n) + (longest - n) * (padding_side == "left") for n in counts])
    return _spread(cat(list(sequences)), step, place, (longest, len(counts)), batch_first, padding_value)


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Sequences (length, …) packed; see `pack_padded_sequence`.

    ValueError where there are none, where one is empty, and where they should be sorted by length and are not.

    >>> import pyengine as pe
    >>> pack_sequence([pe.tensor([1.0, 2.0]), pe.tensor([3.0])]).data
    tensor([1., 3., 2.])
    """
    require_tensors("pack_sequence", *sequences)
    if not sequences:
        raise located(ValueError("pack_sequence: no sequences, so there is nothing to pack"))
    return pack_padded_sequence(pad_sequence(sequences), [s.shape[0] for s in sequences], enforce_sorted=enforce_sorted)


def _lengths(name: str, lengths: Any, steps: int, batch: int) -> Array:
    counts = np.asarray(lengths.numpy() if isinstance(lengths, Tensor) else lengths)
    if counts.shape != (batch,) or counts.dtype.kind not in "iu" or not batch:
        raise located(ValueError(f"{name}: {batch} sequences need as many lengths, whole numbers, got {lengths}"))
    for i, n in enumerate(counts):
        if not 1 <= n <= steps:
            why = f"longer than the {steps} steps there are" if n > steps else "no length; each has a step or more"
            raise located(ValueError(f"{name}: lengths[{i}] is {n}, {why}"))
    return counts.astype(np.int64)


def _positions(counts: Array) -> tuple[Array, Array]:
    """Step and sequence of each element of packed sequences of falling lengths."""
    step, place = np.nonzero(counts > np.arange(counts.max())[:, None])
    return step, place


def _spread(data: Tensor, step: Array, place: Array, shape: tuple[int, int], batch_first: bool, value: float) -> Tensor:
    """The elements at their steps and sequences in an array of `value`."""
    steps, batch = shape
    at = tensor(place * steps + step if batch_first else step * batch + place, device=data.device)
    rest = data.shape[1:]
    empty = full((steps * batch, *rest), value, dtype=data.dtype, device=data.device)
    out: Tensor = apply(INDEX_PUT, (empty, data, at), {"axes": (0,)})
    return out.reshape(*((batch, steps) if batch_first else (steps, batch)), *rest)
