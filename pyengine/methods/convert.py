"""Methods that say what a tensor is, and that change its dtype."""

from typing import TYPE_CHECKING, Any

from .. import dtypes
from .mixin import Mixin

if TYPE_CHECKING:
    from ..tensor import Tensor


class ConvertMethods(Mixin):
    """Descriptions and casts of a tensor. A cast to the dtype that it has is the tensor itself."""

    __slots__ = ()

    def cpu(self) -> "Tensor":
        """This tensor on the device "cpu".

        >>> import pyengine as pe
        >>> pe.ones(2, device="numpy").cpu().device
        device('cpu')
        """
        return self.to("cpu")

    def float(self) -> "Tensor":
        """This tensor in float32.

        >>> import pyengine as pe
        >>> pe.tensor([1, 2]).float()
        tensor([1., 2.])
        """
        return self.to(dtypes.float32)

    def double(self) -> "Tensor":
        """This tensor in float64.

        >>> import pyengine as pe
        >>> pe.tensor([1, 2]).double()
        tensor([1., 2.], dtype=float64)
        """
        return self.to(dtypes.float64)

    def half(self) -> "Tensor":
        """This tensor in float16, which is stored and cast but not computed with.

        >>> import pyengine as pe
        >>> pe.tensor([0.1]).half().float()
        tensor([0.09997559])
        """
        return self.to(dtypes.float16)

    def bfloat16(self) -> "Tensor":
        """This tensor in bfloat16, which has the range of float32 and 8 bits of precision; stored and cast but not
        computed with.

        >>> import pyengine as pe
        >>> pe.tensor([0.1]).bfloat16().float()
        tensor([0.10009766])
        """
        return self.to(dtypes.bfloat16)

    def long(self) -> "Tensor":
        """This tensor in int64; floats lose their fraction.

        >>> import pyengine as pe
        >>> pe.tensor([1.9, -1.9]).long()
        tensor([ 1, -1])
        """
        return self.to(dtypes.int64)

    def int(self) -> "Tensor":
        """This tensor in int32; floats lose their fraction.

        >>> import pyengine as pe
        >>> pe.tensor([1.9, -1.9]).int()
        tensor([ 1, -1], dtype=int32)
        """
        return self.to(dtypes.int32)

    def bool(self) -> "Tensor":
        """Where this tensor is not 0.

        >>> import pyengine as pe
        >>> pe.tensor([0.0, 0.5]).bool()
        tensor([False,  True])
        """
        return self.to(dtypes.bool_)

    def type_as(self, other: "Tensor") -> "Tensor":
        """This tensor in the dtype and on the device of `other`.

        >>> import pyengine as pe
        >>> pe.tensor([1, 2]).type_as(pe.zeros(1))
        tensor([1., 2.])
        """
        return self.to(other.dtype, other.device)

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers; a tensor without axes gives a number.

        >>> import pyengine as pe
        >>> pe.tensor([[1, 2], [3, 4]]).tolist()
        [[1, 2], [3, 4]]
        """
        return self._on_host("tolist()").tolist()

    def dim(self) -> Any:
        """The number of axes.

        >>> import pyengine as pe
        >>> pe.zeros(2, 3).dim()
        2
        """
        return self.ndim

    def nelement(self) -> Any:
        """The number of elements.

        >>> import pyengine as pe
        >>> pe.zeros(2, 3).nelement()
        6
        """
        return self.data.size

    def element_size(self) -> Any:
        """The bytes that an element takes.

        >>> import pyengine as pe
        >>> pe.zeros(2, 3).element_size()
        4
        """
        return self.data.itemsize

    def stride(self, dim: Any = None) -> Any:
        """How many elements lie between neighbours along each axis, or along one.

        >>> import pyengine as pe
        >>> pe.zeros(2, 3).T.stride()
        (1, 3)
        """
        steps = tuple(step // self.data.itemsize for step in self.data.strides)
        return steps if dim is None else steps[dim]

    def is_contiguous(self) -> Any:
        """Whether the elements lie in memory in the order of the indices, with nothing between.

        >>> import pyengine as pe
        >>> pe.zeros(2, 3).T.is_contiguous()
        False
        """
        return self.data.flags.c_contiguous

    def is_floating_point(self) -> Any:
        """Whether the elements are real numbers.

        >>> import pyengine as pe
        >>> pe.zeros(2).is_floating_point(), pe.arange(2).is_floating_point()
        (True, False)
        """
        return dtypes.is_float(self.dtype)
