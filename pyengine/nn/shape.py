"""Modules that change a shape, or nothing."""

from collections.abc import Sequence
from typing import Any

from ..ops.op import size
from ..tensor import Tensor
from .module import Module


class Identity(Module):
    """Returns what it is given: a stand-in where a module is expected.

    Takes any arguments when made, so that it can stand in for any module.

    >>> import pyengine as pe
    >>> Identity(64, bias=False)(pe.ones(2))
    tensor([1., 1.])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        """The input itself."""
        return input


class Unflatten(Module):
    """One axis as several of these lengths, one of which may be -1: the inverse of `Flatten`.

    ValueError for an input whose axis does not split so.

    >>> import pyengine as pe
    >>> Unflatten(1, (1, 8, -1))(pe.zeros(32, 64)).shape
    (32, 1, 8, 8)
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        self.dim = dim
        self.unflattened_size = tuple(unflattened_size)

    def forward(self, input: Tensor) -> Tensor:
        """(…, a·b·…, …) to (…, a, b, …, …)."""
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """The axis and the lengths."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class Flatten(Module):
    """The axes start_dim to end_dim (included) as one; by default all but the first, which counts samples.

    ValueError for an input without these axes.

    >>> import pyengine as pe
    >>> Flatten()(pe.zeros(32, 1, 8, 8)).shape
    (32, 64)
    >>> Flatten(0, 1)(pe.zeros(32, 1, 8, 8)).shape
    (32, 8, 8)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        """(a, b, c, …) to (a, b·c·…)."""
        shape = input.shape
        first, last = (d + len(shape) if d < 0 else d for d in (self.start_dim, self.end_dim))
        if not 0 <= first <= last < len(shape):
            raise ValueError(f"Flatten: axes {self.start_dim} to {self.end_dim} do not exist in shape {shape}")
        return input.reshape(*shape[:first], size(shape[first : last + 1]), *shape[last + 1 :])

    def extra_repr(self) -> str:
        """The axes."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"
