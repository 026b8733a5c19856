"""Layers that put a border around images."""

from collections.abc import Sequence
from typing import ClassVar

from ..tensor import Tensor
from .functional import pad
from .module import Module


class _Pad2d(Module):
    _mode: ClassVar[str] = "constant"
    _value: float = 0.0

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        widths = (padding,) * 4 if isinstance(padding, int) else tuple(padding)
        if len(widths) != 4 or not all(isinstance(width, int) for width in widths):
            name = type(self).__name__
            raise ValueError(f"{name}: padding is an int, or four: left, right, top, bottom; not {padding!r}")
        self.padding = widths

    def forward(self, input: Tensor) -> Tensor:
        """(…, rows, columns) to (…, top + rows + bottom, left + columns + right)."""
        return pad(input, self.padding, self._mode, self._value)

    def extra_repr(self) -> str:
        """The four widths."""
        return str(self.padding)


class ZeroPad2d(_Pad2d):
    """Zeros around images: (…, rows, columns) to (…, top + rows + bottom, left + columns + right).

    padding  one int, or (left, right, top, bottom); negative numbers cut off
    ValueError for anything else, and for inputs with fewer than two axes.

    >>> import pyengine as pe
    >>> ZeroPad2d((1, 0, 0, 1))(pe.ones(1, 1, 1, 2))
    tensor([[[[0., 1., 1.],
              [0., 0., 0.]]]])
    """


class ConstantPad2d(_Pad2d):
    """A number around images; see `ZeroPad2d`.

    ValueError for a padding that is neither an int nor four, and for inputs with fewer than two axes.

    >>> import pyengine as pe
    >>> ConstantPad2d((1, 0, 0, 0), 7.0)(pe.ones(1, 1, 1, 2))
    tensor([[[[7., 1., 1.]]]])
    """

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__(padding)
        self._value = float(value)

    def extra_repr(self) -> str:
        """The four widths and the number."""
        return f"{self.padding}, value={self._value}"


class ReflectionPad2d(_Pad2d):
    """Images continued by their mirror images, without repeating the edge; see `ZeroPad2d`.

    ValueError for a border that is as wide as the image or wider.

    >>> import pyengine as pe
    >>> ReflectionPad2d((2, 1, 0, 0))(pe.tensor([[1.0, 2.0, 3.0]]))
    tensor([[3., 2., 1., 2., 3., 2.]])
    """

    _mode = "reflect"


class ReplicationPad2d(_Pad2d):
    """Images continued by their edges; see `ZeroPad2d`.

    ValueError for an image without elements.

    >>> import pyengine as pe
    >>> ReplicationPad2d((2, 1, 0, 0))(pe.tensor([[1.0, 2.0, 3.0]]))
    tensor([[1., 1., 1., 2., 3., 3.]])
    """

    _mode = "replicate"


class CircularPad2d(_Pad2d):
    """Images continued by their other side, as on a torus; see `ZeroPad2d`.

    ValueError for a border that is wider than the image.

    >>> import pyengine as pe
    >>> CircularPad2d((2, 1, 0, 0))(pe.tensor([[1.0, 2.0, 3.0]]))
    tensor([[2., 3., 1., 2., 3., 1.]])
    """

    _mode = "circular"
