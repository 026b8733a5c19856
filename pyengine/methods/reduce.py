"""Methods that reduce axes, or normalise along one."""

from typing import TYPE_CHECKING

from .. import dtypes
from ..ops.reduce import SUM, normalize_axes
from ..ops.softmax import SOFTMAX
from ..tape import Value, apply

if TYPE_CHECKING:
    from ..tensor import Tensor


class ReduceMethods(Value):
    """Reductions of a tensor over axes."""

    __slots__ = ()

    def softmax(self, dim: int = -1) -> "Tensor":
        """exp(x) / sum(exp(x)) along `dim`: positive, and summing to 1."""
        return apply(SOFTMAX, (self,), {"axis": dim})

    def sum(self, dim: int | tuple[int, ...] | None = None, keepdim: bool = False) -> "Tensor":
        """The sum over the axes `dim` (all by default)."""
        return apply(SUM, (self,), {"axis": dim, "keepdims": keepdim})

    def mean(self, dim: int | tuple[int, ...] | None = None, keepdim: bool = False) -> "Tensor":
        """The mean over the axes `dim` (all by default)."""
        if not dtypes.is_float(self.dtype):
            raise TypeError(f"mean: computes in float32 or float64, not {self.dtype}; cast with .to(pe.float32)")
        count = 1
        for axis in normalize_axes("mean", dim, self.ndim):
            count *= self.shape[axis]
        return self.sum(dim, keepdim) / count
