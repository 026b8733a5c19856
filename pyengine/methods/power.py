"""Methods of arithmetic that operators stand for: powers, and division to a whole number."""

from typing import TYPE_CHECKING, Any

from .. import dtypes
from ..ops.elementwise import SQUARE
from ..ops.power import POW, POW_SCALAR
from ..ops.quotient import FLOOR_DIVIDE, REMAINDER
from ..ops.unary import RECIPROCAL, RSQRT, SQRT
from ..tape import apply, located
from .mixin import Mixin

if TYPE_CHECKING:
    from ..tensor import Tensor

_SHORT = {2: SQUARE, 0.5: SQRT, -0.5: RSQRT, -1: RECIPROCAL}  # exponents that have a kernel of their own


class PowerMethods(Mixin):
    """Powers and whole quotients."""

    __slots__ = ()

    def pow(self, exponent: Any) -> "Tensor":
        """Each element to the power `exponent`, a number or a tensor that broadcasts; also `x ** exponent`.

        NaN for a negative element and a broken exponent. Integers stay integers under an integer from 0 on;
        ValueError for a negative one.

        >>> import pyengine as pe
        >>> pe.tensor([1.0, 2.0, 3.0]) ** 2
        tensor([1., 4., 9.])
        >>> 2 ** pe.tensor([1.0, 0.5])
        tensor([2.       , 1.4142135])
        """
        if not isinstance(exponent, int | float):
            return apply(POW, (self, self._operand(exponent)))
        if not dtypes.is_float(self.dtype):
            if isinstance(exponent, float):
                return self.to(dtypes.float32).pow(exponent)
            if exponent < 0:
                hint = "cast with .to(pe.float32)"
                raise located(ValueError(f"pow: an integer to the negative power {exponent} is not whole; {hint}"))
        elif exponent in _SHORT:
            return apply(_SHORT[exponent], (self,))
        return apply(POW_SCALAR, (self,), {"exponent": exponent})

    def floor_divide(self, other: Any) -> "Tensor":
        """The quotient rounded down to a whole number; also `x // other`. Its gradient is 0.

        RuntimeError where integers are divided by 0.

        >>> import pyengine as pe
        >>> pe.tensor([7, -7]) // 2
        tensor([ 3, -4])
        """
        return apply(FLOOR_DIVIDE, (self, self._operand(other)))

    def remainder(self, other: Any) -> "Tensor":
        """x - other·(x // other), of the sign of `other`; also `x % other`.

        RuntimeError where integers are divided by 0.

        >>> import pyengine as pe
        >>> pe.tensor([7.5, -7.5]) % 2
        tensor([1.5, 0.5])
        """
        return apply(REMAINDER, (self, self._operand(other)))

    def __pow__(self, exponent: Any) -> "Tensor":
        return self.pow(exponent)

    def __rpow__(self, base: Any) -> "Tensor":
        return apply(POW, (self._operand(base), self))

    def __floordiv__(self, other: Any) -> "Tensor":
        return self.floor_divide(other)

    def __rfloordiv__(self, other: Any) -> "Tensor":
        return apply(FLOOR_DIVIDE, (self._operand(other), self))

    def __mod__(self, other: Any) -> "Tensor":
        return self.remainder(other)

    def __rmod__(self, other: Any) -> "Tensor":
        return apply(REMAINDER, (self._operand(other), self))
