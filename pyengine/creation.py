"""Making tensors."""

from typing import Any

import numpy as np

from . import dtypes
from .backend import Device
from .backend import device as find_device
from .tape import kernels_of, wrap
from .tensor import Tensor


def tensor(data: Any, dtype: Any = None, device: "str | Device | None" = None, requires_grad: bool = False) -> Tensor:
    """A tensor holding a copy of `data`: a number, nested list, NumPy array or tensor.

    dtype  float32 for Python floats, int64 for ints, bool for bools, an array's own dtype; or the one given
    TypeError for a dtype that tensors do not have, ValueError for a ragged list.

    >>> tensor([[1, 2], [3, 4]]).dtype
    dtype('int64')
    """
    try:
        return Tensor(data, dtype, device, requires_grad)
    except ValueError as error:
        if "inhomogeneous" in str(error):
            raise ValueError("tensor: the nested lists are ragged; each level needs equal lengths") from None
        raise


def full(
    shape: int | tuple[int, ...],
    fill_value: float,
    dtype: Any = None,
    device: "str | Device | None" = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor with every element `fill_value`; its dtype follows the value unless given.

    >>> full((2, 2), 7.0)
    tensor([[7., 7.],
            [7., 7.]])
    """
    lengths = (shape,) if isinstance(shape, int) else tuple(shape)
    if any(n < 0 for n in lengths):
        raise ValueError(f"full: shape {lengths} has a negative length")
    kind = dtypes.of_python(fill_value) if dtype is None else dtypes.check(dtype)
    place = find_device(device)
    out: Tensor = wrap(kernels_of(place).full(lengths, float(fill_value), kind), place)
    return out.requires_grad_(requires_grad)


def _lengths(shape: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else shape


def zeros(*shape: Any, dtype: Any = dtypes.float32, **options: Any) -> Tensor:
    """A tensor of zeros; options as in `full`.

    >>> zeros(2, 3).shape
    (2, 3)
    """
    return full(_lengths(shape), 0.0, dtype, **options)


def ones(*shape: Any, dtype: Any = dtypes.float32, **options: Any) -> Tensor:
    """A tensor of ones; options as in `full`.

    >>> ones(2)
    tensor([1., 1.])
    """
    return full(_lengths(shape), 1.0, dtype, **options)


def arange(
    start: float, end: float | None = None, step: float = 1, dtype: Any = None, device: "str | Device | None" = None
) -> Tensor:
    """start, start+step, … below `end`; with one argument 0 up to it.

    >>> arange(3)
    tensor([0, 1, 2])
    >>> arange(1.0, 2.0, 0.5)
    tensor([1. , 1.5])
    """
    first, last = (0, start) if end is None else (start, end)
    if step == 0:
        raise ValueError("arange: a step of 0 never arrives")
    return Tensor(np.arange(first, last, step), dtype or dtypes.of_python([first, last, step]), device)
