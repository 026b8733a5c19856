"""Methods that reduce axes, or normalise along one."""

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import dtypes
from ..ops.copy import COPY
from ..ops.cumsum import CUMSUM
from ..ops.extremum import TAKE_LAST
from ..ops.log_softmax import LOG_SOFTMAX, LOGSUMEXP
from ..ops.moments import VAR
from ..ops.op import size
from ..ops.reduce import AMAX, AMIN, PROD, SUM, normalize_axes, reduced_shape
from ..ops.softmax import SOFTMAX
from ..tape import Value, apply, kernels_of, located, wrap
from .mixin import Mixin

if TYPE_CHECKING:
    from ..tensor import Tensor

Axes = int | tuple[int, ...] | None


class Extremes(NamedTuple):
    """What max(dim) and min(dim) return."""

    values: "Tensor"
    indices: "Tensor"


class ReduceMethods(Mixin):
    """Reductions of a tensor over axes."""

    __slots__ = ()

    def softmax(self, dim: int = -1) -> "Tensor":
        """exp(x) / sum(exp(x)) along `dim`: positive, and summing to 1.

        >>> import pyengine as pe
        >>> pe.tensor([0.0, 0.0]).softmax()
        tensor([0.5, 0.5])
        """
        return apply(SOFTMAX, (self,), {"axis": dim})

    def log_softmax(self, dim: int = -1) -> "Tensor":
        """log(softmax(x)) along `dim`, right also where the softmax itself would be 0.

        >>> import pyengine as pe
        >>> pe.tensor([0.0, 200.0]).log_softmax()
        tensor([-200.,    0.])
        """
        return apply(LOG_SOFTMAX, (self,), {"axis": dim})

    def logsumexp(self, dim: Axes, keepdim: bool = False) -> "Tensor":
        """log(sum(exp(x))) over the axes `dim`, without overflow: about the greatest element, and never less.

        >>> import pyengine as pe
        >>> pe.tensor([1000.0, 1000.0]).logsumexp(0)
        tensor(1000.6932)
        """
        return apply(LOGSUMEXP, (self,), {"axis": dim, "keepdims": keepdim})

    def sum(self, dim: Axes = None, keepdim: bool = False) -> "Tensor":
        """The sum over the axes `dim` (all by default), which stay with length 1 under `keepdim`.

        Bools and integers are added up in int64: of a mask, the sum counts what is true.

        >>> import pyengine as pe
        >>> pe.tensor([[1.0, 2.0], [3.0, 4.0]]).sum(0)
        tensor([4., 6.])
        >>> (pe.tensor([1, 2, 3]) == pe.tensor([1, 2, 4])).sum()
        tensor(2)
        """
        return apply(SUM, (self._counted(),), {"axis": dim, "keepdims": keepdim})

    def mean(self, dim: Axes = None, keepdim: bool = False) -> "Tensor":
        """The mean over the axes `dim` (all by default); TypeError for integers.

        >>> import pyengine as pe
        >>> pe.tensor([[1.0, 2.0], [3.0, 4.0]]).mean(1, keepdim=True)
        tensor([[1.5],
                [3.5]])
        """
        if not dtypes.is_float(self.dtype):
            raise TypeError(f"mean: computes in float32 or float64, not {self.dtype}; cast with .to(pe.float32)")
        count = 1
        for axis in normalize_axes("mean", dim, self.ndim):
            count *= self.shape[axis]
        return self.sum(dim, keepdim) / count

    def prod(self, dim: Axes = None, keepdim: bool = False) -> "Tensor":
        """The product over the axes `dim` (all by default), of bools and integers in int64.

        Its gradient is right where elements are 0, too.

        >>> import pyengine as pe
        >>> pe.tensor([[1.0, 2.0], [3.0, 4.0]]).prod(1)
        tensor([ 2., 12.])
        """
        return apply(PROD, (self._counted(),), {"axis": dim, "keepdims": keepdim})

    def var(
        self, dim: Axes = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float = 1
    ) -> "Tensor":
        """The variance over the axes `dim` (all by default): the mean squared distance from the mean.

        correction  what is taken off the number of elements n in Σ (x - mean)² / (n - correction): 1 for an unbiased
                    estimate from a sample, 0 for the variance of just these numbers
        unbiased    False is correction=0, True is correction=1

        >>> import pyengine as pe
        >>> pe.tensor([1.0, 2.0, 3.0]).var()
        tensor(1.)
        """
        return self._var(dim, correction if unbiased is None else float(unbiased), keepdim, False)

    def std(
        self, dim: Axes = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float = 1
    ) -> "Tensor":
        """The standard deviation over the axes `dim` (all by default), the square root of `var`.

        >>> import pyengine as pe
        >>> pe.tensor([[1.0, 5.0], [2.0, 2.0]]).std(1, correction=0)
        tensor([2., 0.])
        """
        return self._var(dim, correction if unbiased is None else float(unbiased), keepdim, True)

    def norm(self, p: float | str = 2, dim: Axes = None, keepdim: bool = False) -> "Tensor":
        """The p-norm (Σ |x|ᵖ)^(1/p) over the axes `dim` (all by default); its gradient at 0 is 0.

        p  a number above 0; inf for the greatest |x|, -inf for the least, 0 for how many elements are not 0; "fro" is 2
        Any shape, float32 or float64. ValueError for another p, TypeError for integers.

        >>> import pyengine as pe
        >>> pe.tensor([[3.0, 4.0], [0.0, 2.0]]).norm(dim=1)
        tensor([5., 2.])
        >>> pe.tensor([3.0, -4.0]).norm(float("inf"))
        tensor(4.)
        """
        order = 2.0 if p == "fro" else p
        if not isinstance(order, int | float) or not (order >= 0 or order == -math.inf):
            raise located(ValueError(f"norm: p is a number from 0 on, inf, -inf or 'fro', not {p!r}"))
        if self.dtype not in dtypes.COMPUTED_FLOATS:
            error = f"norm: computes in float32 or float64, not {self.dtype}; cast with .to(pe.float32)"
            raise located(TypeError(error))
        x: Any = self
        if abs(order) == math.inf:
            return x.abs().amax(dim, keepdim) if order > 0 else x.abs().amin(dim, keepdim)
        if order == 0:
            return (x != 0).to(self.dtype).sum(dim, keepdim)
        if order == 1:
            return x.abs().sum(dim, keepdim)
        powers = (x.square() if order == 2 else x.abs().pow(order)).sum(dim, keepdim)
        # The slope of a root is infinite at 0, and infinity times the inner slope 0 is NaN: the root passes by 0.
        zero = powers == 0
        safe = powers.masked_fill(zero, 1.0)
        return (safe.sqrt() if order == 2 else safe.pow(1 / order)).masked_fill(zero, 0.0)

    def cumsum(self, dim: int) -> "Tensor":
        """The running sum along `dim`: each element with all before it, of bools and integers in int64.

        >>> import pyengine as pe
        >>> pe.tensor([1, 2, 3]).cumsum(0)
        tensor([1, 3, 6])
        """
        return apply(CUMSUM, (self._counted(),), {"axis": dim})

    # --- choosing

    def amax(self, dim: Axes = None, keepdim: bool = False) -> "Tensor":
        """The greatest element over the axes `dim` (all by default), NaN where there is one. Equals share the gradient.

        >>> import pyengine as pe
        >>> x = pe.tensor([3.0, 1.0, 3.0], requires_grad=True)
        >>> x.amax().backward()
        >>> x.grad
        tensor([0.5, 0. , 0.5])
        """
        return apply(AMAX, (self,), {"axis": dim, "keepdims": keepdim})

    def amin(self, dim: Axes = None, keepdim: bool = False) -> "Tensor":
        """The least element over the axes `dim` (all by default), NaN where there is one. Equals share the gradient.

        >>> import pyengine as pe
        >>> pe.tensor([[3, 1], [2, 5]]).amin(0)
        tensor([2, 1])
        """
        return apply(AMIN, (self,), {"axis": dim, "keepdims": keepdim})

    def max(self, dim: Any = None, keepdim: bool = False) -> Any:
        """The greatest element of all; or along `dim` the pair (values, indices) of the first greatest elements.

        A NaN counts as greater than any number. With `dim`, the gradient goes to the element at the index; without,
        equals share it.

        >>> import pyengine as pe
        >>> x = pe.tensor([[1.0, 7.0], [4.0, 2.0]])
        >>> x.max()
        tensor(7.)
        >>> values, indices = x.max(dim=1)
        >>> values, indices
        (tensor([7., 4.]), tensor([1, 0]))
        """
        if isinstance(dim, Value):
            return self.maximum(dim)
        return self._chosen("max", dim, keepdim)

    def min(self, dim: Any = None, keepdim: bool = False) -> Any:
        """The least element of all; or along `dim` the pair (values, indices) of the first least elements; see `max`.

        >>> import pyengine as pe
        >>> pe.tensor([[1.0, 7.0], [4.0, 2.0]]).min(dim=0).indices
        tensor([0, 1])
        """
        if isinstance(dim, Value):
            return self.minimum(dim)
        return self._chosen("min", dim, keepdim)

    def argmax(self, dim: int | None = None, keepdim: bool = False) -> "Tensor":
        """Where the greatest element is: its index along `dim`, or its place in the flattened tensor.

        The first of equals.

        >>> import pyengine as pe
        >>> pe.tensor([[1.0, 7.0], [4.0, 2.0]]).argmax(1)
        tensor([1, 0])
        """
        return self._place("argmax", "max", dim, keepdim)

    def argmin(self, dim: int | None = None, keepdim: bool = False) -> "Tensor":
        """Where the least element is: its index along `dim`, or its place in the flattened tensor.

        The first of equals.

        >>> import pyengine as pe
        >>> pe.tensor([[1.0, 7.0], [4.0, 2.0]]).argmin()
        tensor(0)
        """
        return self._place("argmin", "min", dim, keepdim)

    def any(self, dim: Axes = None, keepdim: bool = False) -> "Tensor":
        """Whether any element over the axes `dim` (all by default) is true or not 0, as bool.

        >>> import pyengine as pe
        >>> pe.tensor([[0, 3], [0, 0]]).any(1)
        tensor([ True, False])
        """
        return self._truth("any", dim, keepdim)

    def all(self, dim: Axes = None, keepdim: bool = False) -> "Tensor":
        """Whether all elements over the axes `dim` (all by default) are true or not 0, as bool.

        >>> import pyengine as pe
        >>> pe.tensor([[1, 3], [0, 2]]).all(1)
        tensor([ True, False])
        """
        return self._truth("all", dim, keepdim)

    def _counted(self) -> Any:
        """This tensor, or its bools and short integers in int64, in which they are counted."""
        if dtypes.is_float(self.data.dtype) or self.data.dtype == dtypes.int64:
            return self
        return apply(COPY, (self,), {"dtype": dtypes.int64})

    def _var(self, dim: Axes, correction: float, keepdim: bool, root: bool) -> "Tensor":
        attrs = {"axis": dim, "correction": float(correction), "root": root, "keepdims": keepdim}
        return apply(VAR, (self,), attrs)[0]

    def _truth(self, kernel: str, dim: Axes, keepdim: bool) -> "Tensor":
        k = kernels_of(self.device)
        axes = _axes(kernel, dim, self.ndim)
        truths = self.data if self.dtype == dtypes.bool_ else k.copy(self.data, dtypes.bool_)
        return wrap(getattr(k, kernel)(truths, axis=axes, keepdims=keepdim), self.device)

    def _place(self, name: str, kernel: str, dim: int | None, keepdim: bool) -> "Tensor":
        k = kernels_of(self.device)
        _require_choice(name, self, dim)
        data = k.reshape(self.data, shape=(size(self.shape),)) if dim is None or not self.ndim else self.data
        axis = 0 if data.ndim == 1 else _axes(name, dim, self.ndim)[0]
        order = (*(i for i in range(data.ndim) if i != axis), axis)
        _, indices = getattr(k, kernel)(k.permute(data, axes=order))
        if keepdim:
            axes = tuple(range(self.ndim)) if dim is None else (axis,)
            indices = k.reshape(indices, shape=reduced_shape(self.shape, axes, True))
        return wrap(indices, self.device)

    def _chosen(self, kernel: str, dim: int | None, keepdim: bool) -> Any:
        if dim is None:
            if keepdim:
                raise located(TypeError(f"{kernel}: keepdim needs a dim; or use a{kernel}(keepdim=True)"))
            return apply(AMAX if kernel == "max" else AMIN, (self,))
        if not self.ndim:
            _axes(kernel, dim, 1)
            return Extremes(apply(AMAX, (self,)), self._place(kernel, kernel, None, False))
        (axis,) = _axes(kernel, dim, self.ndim)
        indices = self._place(kernel, kernel, axis, False)
        rows: Any = self
        order = (*(i for i in range(self.ndim) if i != axis), axis)
        values = apply(TAKE_LAST, (rows.permute(order), indices))
        if keepdim:
            shape = reduced_shape(self.shape, (axis,), True)
            return Extremes(values.reshape(shape), indices.reshape(shape))
        return Extremes(values, indices)


def _axes(name: str, dim: Axes, ndim: int) -> tuple[int, ...]:
    try:
        return normalize_axes(name, dim, ndim)
    except ValueError as error:
        raise located(error) from None


def _require_choice(name: str, tensor: Value, dim: int | None) -> None:
    """Refuse what has no element to choose, or elements without an order."""
    if tensor.dtype.name not in ("float32", "float64", "int64"):
        error = f"{name}: computes in float32, float64 or int64, not {tensor.dtype}; cast with .to(pe.int64)"
        raise located(TypeError(error))
    if dim is not None and tensor.ndim == 0:
        _axes(name, dim, 1)
    elif dim is not None:
        (axis,) = _axes(name, dim, tensor.ndim)
        if tensor.shape[axis] == 0:
            raise located(ValueError(f"{name}: axis {dim} of shape {tensor.shape} has no element to choose"))
    elif size(tensor.shape) == 0:
        raise located(ValueError(f"{name}: a tensor of shape {tensor.shape} has no element to choose"))
