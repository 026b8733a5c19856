"""Dropout: units left out by chance, so that none relies on another."""

from ..tensor import Tensor
from .functional import dropout, dropout2d
from .module import Module


class Dropout(Module):
    """In training, each element is 0 with probability p and divided by 1 - p otherwise; else nothing happens.

    Any shape. ValueError for p outside [0, 1]. `inplace` is taken, so that scripts run, and changes nothing.

    >>> import pyengine as pe
    >>> Dropout(0.9).eval()(pe.ones(3))
    tensor([1., 1., 1.])
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"{type(self).__name__}: p is the probability to be dropped, from 0 to 1, not {p}")
        self.p = p

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return dropout(input, self.p, self.training)

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}"


class Dropout2d(Dropout):
    """In training, each channel of images is 0 with probability p and divided by 1 - p otherwise; see `dropout2d`.

    (n, c, …) to the same shape. ValueError for p outside [0, 1]. `inplace` is taken and changes nothing.

    >>> import pyengine as pe
    >>> Dropout2d(0.9).eval()(pe.ones(1, 3))
    tensor([[1., 1., 1.]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """(n, c, …) to the same shape."""
        return dropout2d(input, self.p, self.training)
