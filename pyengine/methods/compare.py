"""Methods that say what is true of each element."""

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..ops import Op
from ..ops import compare as ops
from ..tape import Value, apply
from .mixin import Mixin

if TYPE_CHECKING:
    from ..tensor import Tensor

_NUMBERS = (Value, bool, int, float, np.ndarray, np.generic)


class CompareMethods(Mixin):
    """Comparisons and logic; the results are bools, which have no gradient."""

    __slots__ = ()

    # == compares elements, so two tensors of equal content must not be one key: a tensor is hashed by its identity
    __hash__ = object.__hash__

    def eq(self, other: Any) -> "Tensor":
        """Whether each element equals that of `other`, a tensor that broadcasts or a number; also `x == other`.

        >>> import pyengine as pe
        >>> pe.tensor([1.0, 2.0, 3.0]) == pe.tensor([1.0, 0.0, 3.0])
        tensor([ True, False,  True])
        """
        return self._compared(ops.EQ, other)

    def ne(self, other: Any) -> "Tensor":
        """Whether each element differs from that of `other`; also `x != other`. NaN differs from itself.

        >>> import pyengine as pe
        >>> pe.tensor([1, 2]).ne(2)
        tensor([ True, False])
        """
        return self._compared(ops.NE, other)

    def lt(self, other: Any) -> "Tensor":
        """Whether each element is less than that of `other`; also `x < other`.

        >>> import pyengine as pe
        >>> pe.tensor([1, 2]) < 2
        tensor([ True, False])
        """
        return self._compared(ops.LT, other)

    def le(self, other: Any) -> "Tensor":
        """Whether each element is less than or equal to that of `other`; also `x <= other`.

        >>> import pyengine as pe
        >>> pe.tensor([1, 3]) <= pe.tensor([[1], [3]])
        tensor([[ True, False],
                [ True,  True]])
        """
        return self._compared(ops.LE, other)

    def gt(self, other: Any) -> "Tensor":
        """Whether each element is greater than that of `other`; also `x > other`.

        >>> import pyengine as pe
        >>> pe.tensor([1.0, 2.0]) > 1.5
        tensor([False,  True])
        """
        return self._compared(ops.GT, other)

    def ge(self, other: Any) -> "Tensor":
        """Whether each element is greater than or equal to that of `other`; also `x >= other`.

        >>> import pyengine as pe
        >>> pe.tensor([1, 2]) >= 2
        tensor([False,  True])
        """
        return self._compared(ops.GE, other)

    not_equal = ne
    less = lt
    less_equal = le
    greater = gt
    greater_equal = ge

    def __eq__(self, other: object) -> "Tensor":  # type: ignore[override]
        return self.eq(other) if isinstance(other, _NUMBERS) else NotImplemented

    def __ne__(self, other: object) -> "Tensor":  # type: ignore[override]
        return self.ne(other) if isinstance(other, _NUMBERS) else NotImplemented

    def __lt__(self, other: Any) -> "Tensor":
        return self.lt(other) if isinstance(other, _NUMBERS) else NotImplemented

    def __le__(self, other: Any) -> "Tensor":
        return self.le(other) if isinstance(other, _NUMBERS) else NotImplemented

    def __gt__(self, other: Any) -> "Tensor":
        return self.gt(other) if isinstance(other, _NUMBERS) else NotImplemented

    def __ge__(self, other: Any) -> "Tensor":
        return self.ge(other) if isinstance(other, _NUMBERS) else NotImplemented

    def __contains__(self, element: Any) -> bool:
        return bool(self.eq(element).any())

    def _compared(self, op: Op, other: Any) -> "Tensor":
        return apply(op, (self._comparable(), self._operand(other)._comparable()))

    def _comparable(self) -> "Tensor":
        if self.dtype.itemsize == 2:  # float16 and bfloat16 are compared as float32, losing nothing
            return self.to(dtypes.float32)
        return self.to(dtypes.int64 if self.dtype == dtypes.int32 else self.dtype)

    # --- close to each other

    def isclose(self, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> "Tensor":
        """Whether |x - other| <= atol + rtol·|other| for each element. Infinities are close to themselves only.

        >>> import pyengine as pe
        >>> pe.tensor([1.0, 2.0]).isclose(pe.tensor([1.000001, 2.1]))
        tensor([ True, False])
        """
        a, b = (t if dtypes.is_float(t.dtype) else t.to(dtypes.float64) for t in (self, self._operand(other)))
        common = dtypes.promote(a.dtype, b.dtype)
        a, b = a.detach().to(common)._comparable(), b.detach().to(common)._comparable()
        distance = (a - b).abs()
        close = (a == b) | (distance.isfinite() & (distance <= b.abs() * rtol + atol))
        return close | (a.isnan() & b.isnan()) if equal_nan else close

    def allclose(self, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
        """Whether all elements are close, as `isclose` says.

        >>> import pyengine as pe
        >>> pe.tensor([0.1, 0.2]).allclose(pe.tensor([0.1, 0.2 + 1e-9]))
        True
        """
        return bool(self.isclose(other, rtol, atol, equal_nan).all())

    def equal(self, other: "Tensor") -> bool:
        """Whether `other` has the same shape and equal elements.

        >>> import pyengine as pe
        >>> pe.zeros(2).equal(pe.zeros(2)), pe.zeros(2).equal(pe.zeros(1))
        (True, False)
        """
        return self.shape == other.shape and bool(self.eq(other).all())

    # --- what kind of number

    def isnan(self) -> "Tensor":
        """Whether each element is NaN.

        >>> import pyengine as pe
        >>> pe.tensor([1.0, float("nan")]).isnan()
        tensor([False,  True])
        """
        return self._classified(ops.ISNAN)

    def isinf(self) -> "Tensor":
        """Whether each element is infinite, of either sign.

        >>> import pyengine as pe
        >>> pe.tensor([1.0, float("-inf")]).isinf()
        tensor([False,  True])
        """
        return self._classified(ops.ISINF)

    def isfinite(self) -> "Tensor":
        """Whether each element is neither infinite nor NaN.

        >>> import pyengine as pe
        >>> pe.tensor([1.0, float("inf"), float("nan")]).isfinite()
        tensor([ True, False, False])
        """
        return self._classified(ops.ISFINITE)

    def _classified(self, op: Op) -> "Tensor":
        return apply(op, (self if self.dtype in dtypes.COMPUTED_FLOATS else self.to(dtypes.float32),))

    # --- logic

    def logical_and(self, other: Any) -> "Tensor":
        """Whether both elements are true, or not 0.

        >>> import pyengine as pe
        >>> pe.tensor([1.0, 2.0, 0.0]).logical_and(pe.tensor([True, False, True]))
        tensor([ True, False, False])
        """
        return apply(ops.BITWISE_AND, self._truths(other))

    def logical_or(self, other: Any) -> "Tensor":
        """Whether one of the elements is true, or not 0.

        >>> import pyengine as pe
        >>> pe.tensor([1, 0]).logical_or(pe.tensor([0, 0]))
        tensor([ True, False])
        """
        return apply(ops.BITWISE_OR, self._truths(other))

    def logical_xor(self, other: Any) -> "Tensor":
        """Whether just one of the elements is true, or not 0.

        >>> import pyengine as pe
        >>> pe.tensor([1, 1]).logical_xor(pe.tensor([0, 2]))
        tensor([ True, False])
        """
        return apply(ops.BITWISE_XOR, self._truths(other))

    def logical_not(self) -> "Tensor":
        """Whether each element is false, or 0.

        >>> import pyengine as pe
        >>> pe.tensor([0.0, 0.5]).logical_not()
        tensor([ True, False])
        """
        return apply(ops.BITWISE_NOT, (self.to(dtypes.bool_),))

    def _truths(self, other: Any) -> tuple["Tensor", "Tensor"]:
        return self.to(dtypes.bool_), self._operand(other).to(dtypes.bool_)

    def bitwise_and(self, other: Any) -> "Tensor":
        """The bits that both have; of bools, whether both are true. Also `x & other`. bool and int64.

        >>> import pyengine as pe
        >>> pe.tensor([6, 5]) & 3
        tensor([2, 1])
        """
        return self._bitwise(ops.BITWISE_AND, other)

    def bitwise_or(self, other: Any) -> "Tensor":
        """The bits that one of them has; of bools, whether one is true. Also `x | other`. bool and int64.

        >>> import pyengine as pe
        >>> pe.tensor([True, False]) | pe.tensor([False, False])
        tensor([ True, False])
        """
        return self._bitwise(ops.BITWISE_OR, other)

    def bitwise_xor(self, other: Any) -> "Tensor":
        """The bits that just one of them has; of bools, whether they differ. Also `x ^ other`. bool and int64.

        >>> import pyengine as pe
        >>> pe.tensor([6, 5]) ^ 3
        tensor([5, 6])
        """
        return self._bitwise(ops.BITWISE_XOR, other)

    def bitwise_not(self) -> "Tensor":
        """All bits turned over; of bools, the other one. Also `~x`. bool and int64.

        >>> import pyengine as pe
        >>> ~pe.tensor([True, False])
        tensor([False,  True])
        """
        return apply(ops.BITWISE_NOT, (self,))

    def __and__(self, other: Any) -> "Tensor":
        return self.bitwise_and(other)

    def __or__(self, other: Any) -> "Tensor":
        return self.bitwise_or(other)

    def __xor__(self, other: Any) -> "Tensor":
        return self.bitwise_xor(other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __invert__(self) -> "Tensor":
        return self.bitwise_not()

    def _bitwise(self, op: Op, other: Any) -> "Tensor":
        operand = self._operand(other)
        if {self.dtype, operand.dtype} == {dtypes.bool_, dtypes.int64}:
            return apply(op, (self.to(dtypes.int64), operand.to(dtypes.int64)))
        return apply(op, (self, operand))
