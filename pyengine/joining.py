"""Putting tensors together."""

from collections.abc import Sequence
from typing import Any

from .ops.join import CONCAT
from .ops.reduce import normalize_axes
from .tape import apply
from .tensor import Tensor


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors one after the other along `dim`; their other axes are as long as each other's, else ValueError.

    TypeError for one tensor in place of a list of them.

    >>> import pyengine as pe
    >>> cat([pe.ones(2), pe.zeros(1)])
    tensor([1., 1., 0.])
    """
    _require_sequence("cat", tensors)
    out: Tensor = apply(CONCAT, tuple(tensors), {"axis": dim})
    return out


concat = concatenate = cat


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors along a new axis `dim`; ValueError where they are not of one shape, or none are given.

    TypeError for one tensor in place of a list of them.

    >>> import pyengine as pe
    >>> stack([pe.ones(2), pe.zeros(2)], dim=1)
    tensor([[1., 0.],
            [1., 0.]])
    """
    _require_sequence("stack", tensors)
    shape = tensors[0].shape
    for i, t in enumerate(tensors):
        if t.shape != shape:
            raise ValueError(f"stack: tensor {i} has shape {t.shape}, the first {shape}; they must be the same")
    (axis,) = normalize_axes("stack", dim, len(shape) + 1)
    return cat([t.unsqueeze(axis) for t in tensors], axis)


def roll(input: Tensor, shifts: int, dims: int | None = None) -> Tensor:
    """The elements moved by `shifts` along an axis, those beyond the end coming in at the start.

    >>> import pyengine as pe
    >>> roll(pe.arange(5), 2)
    tensor([3, 4, 0, 1, 2])
    """
    if dims is None:
        return roll(input.reshape(-1), shifts, 0).reshape(input.shape)
    n = input.shape[normalize_axes("roll", dims, input.ndim)[0]]
    cut = -shifts % n if n else 0
    return cat([input.narrow(dims, cut, n - cut), input.narrow(dims, 0, cut)], dims)


def _require_sequence(name: str, tensors: Any) -> None:
    if isinstance(tensors, Tensor):
        raise TypeError(f"{name}: takes a list or tuple of tensors, not one tensor")
    if not len(tensors):
        raise ValueError(f"{name}: needs at least one tensor")
