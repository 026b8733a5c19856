"""Methods that put elements in order."""

from typing import TYPE_CHECKING, NamedTuple

from ..ops.sort import SORT, TOPK
from ..tape import Value, apply

if TYPE_CHECKING:
    from ..tensor import Tensor


class Ordered(NamedTuple):
    """Elements in order, and the positions (int64) where they stood."""

    values: "Tensor"
    indices: "Tensor"


class SortMethods(Value):
    """Order along an axis. NaN counts as greater than all numbers; equal elements keep their order."""

    __slots__ = ()

    def sort(self, dim: int = -1, descending: bool = False) -> Ordered:
        """The elements along `dim` in rising or falling order, and where they stood: `values`, `indices`.

        >>> import pyengine as pe
        >>> pe.tensor([3.0, 1.0, 2.0]).sort()
        Ordered(values=tensor([1., 2., 3.]), indices=tensor([1, 2, 0]))
        """
        return Ordered(*apply(SORT, (self,), {"axis": dim, "descending": descending}))

    def argsort(self, dim: int = -1, descending: bool = False) -> "Tensor":
        """Where the elements along `dim` stand, in their order.

        >>> import pyengine as pe
        >>> pe.tensor([3.0, 1.0, 2.0]).argsort(descending=True)
        tensor([0, 2, 1])
        """
        return self.sort(dim, descending).indices

    def topk(self, k: int, dim: int = -1, largest: bool = True) -> Ordered:
        """The k greatest elements along `dim` in falling order (or the least, in rising), and where they stood.

        >>> import pyengine as pe
        >>> pe.tensor([3.0, 1.0, 2.0]).topk(2)
        Ordered(values=tensor([3., 2.]), indices=tensor([0, 2]))
        """
        return Ordered(*apply(TOPK, (self,), {"count": k, "axis": dim, "largest": largest}))
