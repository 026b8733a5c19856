"""What the families of methods ask of the tensor that they are mixed into."""

from typing import TYPE_CHECKING, Any

from ..backend import Array
from ..tape import Value

if TYPE_CHECKING:
    from ..tensor import Tensor


class Mixin(Value):
    """The base of the families whose methods call methods of Tensor, or of each other."""

    __slots__ = ()

    if TYPE_CHECKING:  # each is written once, in tensor.py or in its family; here are the signatures alone

        def to(self, *targets: Any, dtype: Any = None, device: Any = None) -> Tensor:
            """This tensor with another dtype and/or on another device."""

        def detach(self) -> Tensor:
            """The same data without history."""

        def clone(self) -> Tensor:
            """A copy, in the graph."""

        def maximum(self, other: Any) -> Tensor:
            """The greater of two elements."""

        def minimum(self, other: Any) -> Tensor:
            """The lesser of two elements."""

        def _on_host(self, why: str) -> Array: ...

        def _operand(self, other: Any) -> Tensor: ...
