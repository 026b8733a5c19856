"""Methods that compute a function of one argument of each element."""

from typing import TYPE_CHECKING

from ..ops import unary
from ..tape import Value, apply

if TYPE_CHECKING:
    from ..tensor import Tensor


class UnaryMethods(Value):
    """Elementwise functions of one tensor."""

    __slots__ = ()

    def abs(self) -> "Tensor":
        """The size of each element, without its sign.

        >>> import pyengine as pe
        >>> pe.tensor([-1.5, 2.0]).abs()
        tensor([1.5, 2. ])
        """
        return apply(unary.ABS, (self,))

    def sign(self) -> "Tensor":
        """-1, 0 or 1 for each element; its gradient is 0.

        >>> import pyengine as pe
        >>> pe.tensor([-1.5, 0.0, 2.0]).sign()
        tensor([-1.,  0.,  1.])
        """
        return apply(unary.SIGN, (self,))

    def sqrt(self) -> "Tensor":
        """The square root of each element; NaN below 0.

        >>> import pyengine as pe
        >>> pe.tensor([4.0, 2.25]).sqrt()
        tensor([2. , 1.5])
        """
        return apply(unary.SQRT, (self,))

    def rsqrt(self) -> "Tensor":
        """1 / sqrt(x) for each element.

        >>> import pyengine as pe
        >>> pe.tensor([4.0, 0.25]).rsqrt()
        tensor([0.5, 2. ])
        """
        return apply(unary.RSQRT, (self,))

    def reciprocal(self) -> "Tensor":
        """1 / x for each element.

        >>> import pyengine as pe
        >>> pe.tensor([4.0, -0.5]).reciprocal()
        tensor([ 0.25, -2.  ])
        """
        return apply(unary.RECIPROCAL, (self,))

    def log(self) -> "Tensor":
        """The natural logarithm of each element; -inf at 0, NaN below.

        >>> import pyengine as pe
        >>> pe.tensor([1.0, 0.0]).log()
        tensor([  0., -inf])
        """
        return apply(unary.LOG, (self,))

    def log1p(self) -> "Tensor":
        """log(1 + x) for each element, exact to the last digits also where x is tiny.

        >>> import pyengine as pe
        >>> pe.tensor([0.0, -1.0]).log1p()
        tensor([  0., -inf])
        """
        return apply(unary.LOG1P, (self,))

    def expm1(self) -> "Tensor":
        """exp(x) - 1 for each element, exact to the last digits also where x is tiny.

        >>> import pyengine as pe
        >>> pe.tensor([0.0, 1e-8]).expm1()
        tensor([0.e+00, 1.e-08])
        """
        return apply(unary.EXPM1, (self,))

    def sin(self) -> "Tensor":
        """The sine of each element, in radians.

        >>> import pyengine as pe
        >>> pe.tensor([0.0, 1.0]).sin()
        tensor([0.        , 0.84147096])
        """
        return apply(unary.SIN, (self,))

    def cos(self) -> "Tensor":
        """The cosine of each element, in radians.

        >>> import pyengine as pe
        >>> pe.tensor([0.0, 1.0]).cos()
        tensor([1.       , 0.5403023])
        """
        return apply(unary.COS, (self,))

    def tanh(self) -> "Tensor":
        """The hyperbolic tangent of each element, between -1 and 1.

        >>> import pyengine as pe
        >>> pe.tensor([0.0, 20.0]).tanh()
        tensor([0., 1.])
        """
        return apply(unary.TANH, (self,))

    def sigmoid(self) -> "Tensor":
        """1 / (1 + exp(-x)) for each element: from 0 to 1, and 0.5 at 0.

        >>> import pyengine as pe
        >>> pe.tensor([0.0, 100.0]).sigmoid()
        tensor([0.5, 1. ])
        """
        return apply(unary.SIGMOID, (self,))

    def erf(self) -> "Tensor":
        """The error function of each element: 2 / sqrt(pi) times the integral of exp(-t²) from 0 to x.

        >>> import pyengine as pe
        >>> pe.tensor([0.0, 10.0]).erf()
        tensor([0., 1.])
        """
        return apply(unary.ERF, (self,))

    def floor(self) -> "Tensor":
        """The largest whole number that is not above each element; its gradient is 0.

        >>> import pyengine as pe
        >>> pe.tensor([-1.5, 1.5]).floor()
        tensor([-2.,  1.])
        """
        return apply(unary.FLOOR, (self,))

    def ceil(self) -> "Tensor":
        """The smallest whole number that is not below each element; its gradient is 0.

        >>> import pyengine as pe
        >>> pe.tensor([-1.5, 1.2]).ceil()
        tensor([-1.,  2.])
        """
        return apply(unary.CEIL, (self,))

    def round(self) -> "Tensor":
        """The nearest whole number, of two the even one, for each element; its gradient is 0.

        >>> import pyengine as pe
        >>> pe.tensor([0.5, 1.5, 2.6]).round()
        tensor([0., 2., 3.])
        """
        return apply(unary.ROUND, (self,))

    def trunc(self) -> "Tensor":
        """Each element without its fraction; its gradient is 0.

        >>> import pyengine as pe
        >>> pe.tensor([-1.5, 1.5]).trunc()
        tensor([-1.,  1.])
        """
        return apply(unary.TRUNC, (self,))

    def __abs__(self) -> "Tensor":
        return self.abs()
