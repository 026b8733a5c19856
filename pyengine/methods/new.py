"""Methods that make other tensors like this one."""

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..backend import Device
from ..backend import device as find_device
from ..tape import Value, kernels_of, wrap

if TYPE_CHECKING:
    from ..tensor import Tensor


class NewMethods(Value):
    """New tensors of any shape, with this one's dtype and device unless given others. Gradients do not flow to them.

    ValueError for a shape with a negative length, TypeError for a dtype that tensors do not have.
    """

    __slots__ = ()

    def new_zeros(self, *size: Any, dtype: Any = None, device: "str | Device | None" = None) -> "Tensor":
        """Zeros.

        >>> import pyengine as pe
        >>> pe.tensor([1, 2]).new_zeros(3)
        tensor([0, 0, 0])
        """
        return self._new("new_zeros", size, 0.0, dtype, device)

    def new_ones(self, *size: Any, dtype: Any = None, device: "str | Device | None" = None) -> "Tensor":
        """Ones.

        >>> import pyengine as pe
        >>> pe.tensor([0.5]).new_ones(2)
        tensor([1., 1.])
        """
        return self._new("new_ones", size, 1.0, dtype, device)

    def new_full(
        self, size: Any, fill_value: float, dtype: Any = None, device: "str | Device | None" = None
    ) -> "Tensor":
        """Every element `fill_value`.

        >>> import pyengine as pe
        >>> pe.tensor([0.5]).new_full((2,), 7)
        tensor([7., 7.])
        """
        return self._new("new_full", (size,), fill_value, dtype, device)

    def new_tensor(self, data: Any, dtype: Any = None, device: "str | Device | None" = None) -> "Tensor":
        """A copy of `data`: a number, nested list or NumPy array.

        >>> import pyengine as pe
        >>> pe.tensor([0.5]).new_tensor([1, 2])
        tensor([1., 2.])
        """
        kind = self.dtype if dtype is None else dtypes.check(dtype)
        place = self.device if device is None else find_device(device)
        return wrap(place.memory.put(data, kind), place)

    def _new(self, name: str, size: tuple[Any, ...], value: float, dtype: Any, device: "str | Device | None") -> Any:
        given = size[0] if len(size) == 1 and isinstance(size[0], tuple | list) else size
        if not all(isinstance(n, int | np.integer) and n >= 0 for n in given):
            raise ValueError(f"{name}: a shape is made of whole numbers from 0 on, not {tuple(given)}")
        place = self.device if device is None else find_device(device)
        kind = self.dtype if dtype is None else dtypes.check(dtype)
        return wrap(kernels_of(place).full(tuple(map(int, given)), float(value), kind), place)
