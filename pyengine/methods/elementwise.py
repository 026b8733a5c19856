"""Methods that compute each element on its own."""

from typing import TYPE_CHECKING, Any

from ..ops.elementwise import EXP, NEG, RELU, SQUARE
from ..tape import Value, apply

if TYPE_CHECKING:
    from ..tensor import Tensor


class ElementwiseMethods(Value):
    """Elementwise functions of a tensor."""

    __slots__ = ()

    def add(self, other: Any, *, alpha: float = 1) -> "Tensor":
        """x + alpha·other

        >>> import pyengine as pe
        >>> pe.tensor([1.0, 2.0]).add(pe.tensor([1.0, 1.0]), alpha=3)
        tensor([4., 5.])
        """
        me: Any = self
        return me + other if alpha == 1 else me + other * alpha

    def sub(self, other: Any, *, alpha: float = 1) -> "Tensor":
        """x - alpha·other

        >>> import pyengine as pe
        >>> pe.tensor([1.0, 2.0]).sub(1)
        tensor([0., 1.])
        """
        me: Any = self
        return me - other if alpha == 1 else me - other * alpha

    def mul(self, other: Any) -> "Tensor":
        """x · other

        >>> import pyengine as pe
        >>> pe.tensor([1.0, 2.0]).mul(3)
        tensor([3., 6.])
        """
        me: Any = self
        return me * other

    def div(self, other: Any, *, rounding_mode: str | None = None) -> "Tensor":
        """x / other; rounded down with rounding_mode="floor", without its fraction with "trunc".

        ValueError for another rounding_mode.

        >>> import pyengine as pe
        >>> pe.tensor([3.0, -3.0]).div(2, rounding_mode="trunc")
        tensor([ 1., -1.])
        """
        me: Any = self
        if rounding_mode == "floor":
            return me // other
        if rounding_mode not in (None, "trunc"):
            raise ValueError(f"div: rounding_mode is None, 'floor' or 'trunc', not {rounding_mode!r}")
        return me / other if rounding_mode is None else (me / other).trunc()

    subtract, multiply, divide, true_divide = sub, mul, div, div

    def neg(self) -> "Tensor":
        """-x for each element.

        >>> import pyengine as pe
        >>> pe.tensor([1.0, -2.0]).neg()
        tensor([-1.,  2.])
        """
        return apply(NEG, (self,))

    negative = neg

    def relu(self) -> "Tensor":
        """max(x, 0) for each element; NaN stays.

        >>> import pyengine as pe
        >>> pe.tensor([-1.0, 2.0]).relu()
        tensor([0., 2.])
        """
        return apply(RELU, (self,))

    def exp(self) -> "Tensor":
        """e to the power of each element.

        >>> import pyengine as pe
        >>> pe.tensor([0.0, 1.0]).exp()
        tensor([1.       , 2.7182817])
        """
        return apply(EXP, (self,))

    def square(self) -> "Tensor":
        """Each element times itself.

        >>> import pyengine as pe
        >>> pe.tensor([3.0, -4.0]).square()
        tensor([ 9., 16.])
        """
        return apply(SQUARE, (self,))
