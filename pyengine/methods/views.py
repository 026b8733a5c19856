"""Methods that show the same elements in another shape or order."""

from typing import TYPE_CHECKING, Any

from ..ops import Op
from ..ops.reduce import normalize_axes
from ..ops.views import EXPAND, PERMUTE, RESHAPE, resolve_shape
from ..tape import apply, share_version
from .mixin import Mixin

if TYPE_CHECKING:
    from ..tensor import Tensor


class ViewMethods(Mixin):
    """Views of a tensor: they share its memory where strides allow it."""

    __slots__ = ()

    def reshape(self, *shape: Any) -> "Tensor":
        """The same elements in another shape; one -1 is worked out. A view where strides allow it.

        ValueError where the numbers of elements differ.

        >>> import pyengine as pe
        >>> pe.arange(6).reshape(2, -1)
        tensor([[0, 1, 2],
                [3, 4, 5]])
        """
        wanted = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        return self._view(RESHAPE, {"shape": resolve_shape(self.shape, tuple(wanted))})

    view = reshape

    def permute(self, *dims: Any) -> "Tensor":
        """The axes in another order, as a view. ValueError where `dims` does not name each axis once.

        >>> import pyengine as pe
        >>> pe.zeros(2, 3, 4).permute(2, 0, 1).shape
        (4, 2, 3)
        """
        wanted = dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims
        return self._view(PERMUTE, {"axes": tuple(wanted)})

    def transpose(self, dim0: int, dim1: int) -> "Tensor":
        """Two axes exchanged, as a view. ValueError for an axis that does not exist.

        >>> import pyengine as pe
        >>> pe.tensor([[1, 2], [3, 4]]).transpose(0, 1)
        tensor([[1, 3],
                [2, 4]])
        """
        a, b = (normalize_axes("transpose", d, self.ndim)[0] for d in (dim0, dim1))
        order = list(range(self.ndim))
        order[a], order[b] = order[b], order[a]
        return self.permute(order)

    @property
    def T(self) -> "Tensor":
        """A matrix transposed, as a view; ValueError for more than two axes."""
        if self.ndim > 2:
            raise ValueError(f"T: is for matrices; this tensor has shape {self.shape}. Use mT for the last two axes")
        return self.permute(tuple(reversed(range(self.ndim))))

    @property
    def mT(self) -> "Tensor":
        """The last two axes exchanged, as a view."""
        return self.transpose(-2, -1)

    def expand(self, *shape: Any) -> "Tensor":
        """Axes of length 1 repeated without a copy, by NumPy's broadcasting rule; -1 keeps the length of an axis.

        ValueError where the rule forbids it.

        >>> import pyengine as pe
        >>> pe.tensor([1, 2]).expand(2, 2)
        tensor([[1, 2],
                [1, 2]])
        """
        wanted = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        lengths = tuple(wanted)
        new = len(lengths) - self.ndim
        if new >= 0 and -1 in lengths[new:]:
            kept = (own if n == -1 else n for own, n in zip(self.shape, lengths[new:], strict=True))
            lengths = (*lengths[:new], *kept)
        return self._view(EXPAND, {"shape": lengths})

    def broadcast_to(self, *shape: Any) -> "Tensor":
        """`expand` by NumPy's name.

        >>> import pyengine as pe
        >>> pe.tensor([1, 2]).broadcast_to((2, 2))
        tensor([[1, 2],
                [1, 2]])
        """
        return self.expand(*shape)

    def _view(self, op: Op, attrs: dict[str, Any]) -> "Tensor":
        out: Tensor = apply(op, (self,), attrs)
        if out.data.base is not None and self.device.memory.may_share(out.data, self.data):
            share_version(out, self)
        return out

    def _views(self, op: Op, attrs: dict[str, Any]) -> tuple["Tensor", ...]:
        parts: tuple[Tensor, ...] = apply(op, (self,), attrs)
        for part in parts:
            share_version(part, self)
        return parts
