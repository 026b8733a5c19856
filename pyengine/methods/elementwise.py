"""Methods that compute each element on its own."""

from typing import TYPE_CHECKING

from ..ops.elementwise import RELU
from ..tape import Value, apply

if TYPE_CHECKING:
    from ..tensor import Tensor


class ElementwiseMethods(Value):
    """Elementwise functions of a tensor."""

    __slots__ = ()

    def relu(self) -> "Tensor":
        """max(x, 0) for each element."""
        return apply(RELU, (self,))
