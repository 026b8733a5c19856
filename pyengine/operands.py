"""Functions whose operands may be numbers, not all of them tensors."""

from typing import Any

from . import dtypes
from .backend import Device
from .tensor import Tensor


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """`input` where the bools of `condition` are true, `other` elsewhere; tensors or numbers, all broadcast.

    With the condition alone, the positions along each axis where it is true. ValueError for one of the two alone.

    >>> import pyengine as pe
    >>> where(pe.tensor([True, False]), 1.0, pe.tensor([5.0, 6.0]))
    tensor([1., 6.])
    >>> where(pe.tensor([False, True]))
    (tensor([1]),)
    """
    if input is None and other is None:
        return tuple(condition.nonzero().unbind(1))
    if input is None or other is None:
        raise ValueError("where: give both input and other, or neither")
    if not isinstance(input, Tensor):
        input = other._operand(input) if isinstance(other, Tensor) else _number(input, condition.device)
    return input.where(condition, other)


def pow(input: Any, exponent: Any) -> Tensor:
    """`input` to the power `exponent`, one of them a tensor; see `Tensor.pow`.

    >>> import pyengine as pe
    >>> pow(10.0, pe.tensor([2.0, 3.0]))
    tensor([ 100., 1000.])
    """
    out: Tensor = input**exponent
    return out


def _number(value: Any, device: Device) -> Tensor:
    return Tensor(value, dtypes.of_python(value), device)
