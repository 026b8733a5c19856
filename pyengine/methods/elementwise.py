"""Methods that compute each element on its own."""

from typing import TYPE_CHECKING

from ..ops.elementwise import EXP, RELU, SQUARE
from ..tape import Value, apply

if TYPE_CHECKING:
    from ..tensor import Tensor


class ElementwiseMethods(Value):
    """Elementwise functions of a tensor."""

    __slots__ = ()

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
