"""Matrix products."""

from typing import TYPE_CHECKING

from ..ops.matmul import MATMUL
from ..tape import apply
from .views import ViewMethods

if TYPE_CHECKING:
    from ..tensor import Tensor


class MatmulMethods(ViewMethods):
    """Matrix products of tensors."""

    __slots__ = ()

    def matmul(self, other: "Tensor") -> "Tensor":
        """The matrix product over the last two axes; leading axes broadcast. A vector counts as one row or one column.

        (…, m, k) @ (…, k, n) is (…, m, n). ValueError where the k differ or the leading axes do not broadcast.

        >>> import pyengine as pe
        >>> pe.tensor([[1.0, 2.0], [3.0, 4.0]]) @ pe.tensor([1.0, 1.0])
        tensor([3., 7.])
        """
        if self.ndim >= 2 and other.ndim >= 2:
            return apply(MATMUL, (self, other))
        if self.ndim == 0 or other.ndim == 0:
            raise ValueError(f"matmul: shapes {self.shape} and {other.shape}: a number has no rows; use *")
        a = self.reshape(1, -1) if self.ndim == 1 else self
        b = other.reshape(-1, 1) if other.ndim == 1 else other
        out = apply(MATMUL, (a, b))
        shape = (
            out.shape[:-2] + (out.shape[-2:-1] if self.ndim > 1 else ()) + (out.shape[-1:] if other.ndim > 1 else ())
        )
        return out.reshape(shape)
