"""Matrix products."""

from typing import TYPE_CHECKING, Any

from ..ops.matmul import ADDMM, MATMUL
from ..tape import apply, located
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

    def addmm(self, mat1: "Tensor", mat2: "Tensor", *, beta: float = 1.0, alpha: float = 1.0) -> "Tensor":
        """beta · self + alpha · (mat1 @ mat2), for matrices (m, k) and (k, n); self broadcasts to (m, n).

        ValueError where the shapes do not fit, TypeError where the dtypes differ.

        >>> import pyengine as pe
        >>> pe.ones(2).addmm(pe.ones(3, 4), pe.ones(4, 2)).tolist()
        [[5.0, 5.0], [5.0, 5.0], [5.0, 5.0]]
        """
        if not (mat1.ndim == mat2.ndim == 2):
            raise located(ValueError(f"addmm: multiplies matrices, not {mat1.shape} and {mat2.shape}"))
        if alpha != 1.0:
            mat1 = mat1 * alpha
        start: Any = self
        if beta != 1.0:
            start = start * beta
        shape = (mat1.shape[0], mat2.shape[1])
        return apply(ADDMM, (start if start.shape == shape else start.broadcast_to(shape), mat1, mat2))

    def mm(self, mat2: "Tensor") -> "Tensor":
        """The product of two matrices, of shapes (m, k) and (k, n); ValueError for others. No axes broadcast.

        >>> import pyengine as pe
        >>> pe.ones(2, 3).mm(pe.ones(3, 1))
        tensor([[3.],
                [3.]])
        """
        return self._product("mm", mat2, 2, "matrices")

    def bmm(self, mat2: "Tensor") -> "Tensor":
        """The products of two batches of matrices, of shapes (b, m, k) and (b, k, n); ValueError for others.

        >>> import pyengine as pe
        >>> pe.ones(5, 2, 3).bmm(pe.ones(5, 3, 4)).shape
        (5, 2, 4)
        """
        if self.ndim == mat2.ndim == 3 and self.shape[0] != mat2.shape[0]:
            raise ValueError(f"bmm: batches of {self.shape[0]} and {mat2.shape[0]} matrices; matmul broadcasts")
        return self._product("bmm", mat2, 3, "batches of matrices")

    def dot(self, tensor: "Tensor") -> "Tensor":
        """Σ aᵢbᵢ of two vectors of the same shape (n,); ValueError for others.

        >>> import pyengine as pe
        >>> pe.tensor([1.0, 2.0]).dot(pe.tensor([3.0, 4.0]))
        tensor(11.)
        """
        return self._product("dot", tensor, 1, "vectors")

    def outer(self, vec2: "Tensor") -> "Tensor":
        """aᵢbⱼ for two vectors, of shapes (m,) and (n,): a matrix of shape (m, n). ValueError for others.

        >>> import pyengine as pe
        >>> pe.tensor([1.0, 2.0]).outer(pe.tensor([3.0, 4.0]))
        tensor([[3., 4.],
                [6., 8.]])
        """
        if self.ndim != 1 or vec2.ndim != 1:
            raise ValueError(f"outer: shapes {self.shape} and {vec2.shape}: takes two vectors")
        return self.reshape(-1, 1) * vec2.reshape(1, -1)

    def _product(self, name: str, other: "Tensor", ndim: int, what: str) -> "Tensor":
        if self.ndim != ndim or other.ndim != ndim:
            raise ValueError(f"{name}: shapes {self.shape} and {other.shape}: takes two {what}; matmul takes any")
        return self.matmul(other)
