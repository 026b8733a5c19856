"""Methods that write into a tensor's own memory; their names end in an underscore."""

from typing import TYPE_CHECKING, Any

from .. import tape
from ..memory import is_view
from ..ops import Op
from ..ops.copy import COPY
from ..ops.elementwise import ADD, DIV, MUL, SUB
from ..tape import apply, kernels_of, mark_written
from .mixin import Mixin

if TYPE_CHECKING:
    from ..tensor import Tensor


class InplaceMethods(Mixin):
    """Writes into a tensor's memory, seen by all its views and noticed by operations that had saved it."""

    __slots__ = ()

    def add_(self, other: Any) -> "Tensor":
        """self += other

        >>> import pyengine as pe
        >>> pe.tensor([1.0, 2.0]).add_(10)
        tensor([11., 12.])
        """
        return self._update(ADD, other)

    def sub_(self, other: Any) -> "Tensor":
        """self -= other

        >>> import pyengine as pe
        >>> pe.tensor([1.0, 2.0]).sub_(1)
        tensor([0., 1.])
        """
        return self._update(SUB, other)

    def mul_(self, other: Any) -> "Tensor":
        """self *= other

        >>> import pyengine as pe
        >>> pe.tensor([1.0, 2.0]).mul_(3)
        tensor([3., 6.])
        """
        return self._update(MUL, other)

    def div_(self, other: Any) -> "Tensor":
        """self /= other; floats only.

        >>> import pyengine as pe
        >>> pe.tensor([1.0, 2.0]).div_(2)
        tensor([0.5, 1. ])
        """
        return self._update(DIV, other)

    def copy_(self, other: Any) -> "Tensor":
        """Take over the elements of `other`, cast and broadcast to this tensor.

        >>> import pyengine as pe
        >>> pe.zeros(2, 2).copy_(pe.tensor([1, 2]))
        tensor([[1., 2.],
                [1., 2.]])
        """
        source = self._operand(other)
        if source.shape != self.shape:
            source = source.expand(self.shape)
        if tape.state.grad_enabled and (self.requires_grad or source.requires_grad):
            return self._adopt("copy_", apply(COPY, (source,), {"dtype": self.dtype}))
        kernels_of(self.device).copy(source.data, self.dtype, out=self.data)
        return self._written()

    def fill_(self, value: float) -> "Tensor":
        """Set every element to `value`.

        >>> import pyengine as pe
        >>> pe.zeros(2).fill_(7)
        tensor([7., 7.])
        """
        if tape.state.grad_enabled and self.requires_grad:
            return self.copy_(value)
        kernels_of(self.device).full(self.shape, float(value), self.dtype, out=self.data)
        return self._written()

    def zero_(self) -> "Tensor":
        """Set every element to 0.

        >>> import pyengine as pe
        >>> pe.ones(2).zero_()
        tensor([0., 0.])
        """
        return self.fill_(0.0)

    def _update(self, op: Op, other: Any) -> "Tensor":
        operand = self._operand(other)
        if tape.state.grad_enabled and (self.requires_grad or operand.requires_grad):
            # what the operation saves must outlive the write: it works on a copy
            return self._adopt(f"{op.name}_", apply(op, (apply(COPY, (self,), {"dtype": self.dtype}), operand)))
        try:
            getattr(kernels_of(self.device), op.name)(self.data, operand.data, out=self.data)
        except (ValueError, TypeError):  # mixed dtypes, an overlapping operand, or a mistake that apply explains
            result: Tensor = apply(op, (self, operand))
            self._check_fits(f"{op.name}_", result)
            kernels_of(self.device).copy(result.data, self.dtype, out=self.data)
        return self._written()

    def _adopt(self, name: str, result: "Tensor") -> "Tensor":
        """Take over the elements and the history of `result`."""
        mistake = ""
        if self.node is None and self.requires_grad:
            mistake = "a leaf that requires a gradient cannot change in place; use pe.no_grad()"
        elif is_view(self.data):
            mistake = "a write to a view is not tracked; write to a copy (x.clone()) or under pe.no_grad()"
        if mistake:
            raise tape.located(RuntimeError(f"{name}: {mistake}"))
        self._check_fits(name, result)
        kernels_of(self.device).copy(result.data, self.dtype, out=self.data)
        self._written()
        self.node = result.node
        self.requires_grad = True
        return self  # type: ignore[return-value]

    def _check_fits(self, name: str, result: "Tensor") -> None:
        if result.shape != self.shape or result.dtype != self.dtype:
            found, own = f"{result.dtype}{result.shape}", f"{self.dtype}{self.shape}"
            kind = ValueError if result.shape != self.shape else TypeError
            raise tape.located(kind(f"{name}: the result is {found} and does not fit into this tensor, {own}"))

    def _written(self) -> "Tensor":
        mark_written(self)
        return self  # type: ignore[return-value]
