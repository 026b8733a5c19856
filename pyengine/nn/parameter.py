"""Parameter, and what modules and optimizers do to one from outside the graph."""

from typing import Any

import numpy as np

from .. import dtypes, tape
from ..backend import Array, Device
from ..backend import device as find_device
from ..tape import grad_mode, kernels_of, mark_written, share_version
from ..tensor import Tensor


class Parameter(Tensor):
    """A tensor that is learned: it requires a gradient, and a module that has it as an attribute lists it.

    data  a tensor, whose memory it shares, or whatever `pe.tensor` takes
    TypeError for integers that are to be learned.

    >>> Parameter([1.0, 2.0])
    tensor([1., 2.], requires_grad=True)
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        if not isinstance(data, Tensor):
            super().__init__(data, requires_grad=requires_grad)
            return
        if requires_grad and not dtypes.is_float(data.dtype):
            raise TypeError(f"Parameter: only float tensors can be learned, not {data.dtype}")
        self.data = data.data
        self.device = data.device
        self.requires_grad = requires_grad
        self.grad = None
        self.node = None
        share_version(self, data)


def clear_grad(tensor: Tensor, set_to_none: bool) -> None:
    """Drop the gradient of `tensor`, or fill it with zeros.

    Dropping is the cheaper: the next backward hands over a fresh array from the pool, instead of adding to zeros.
    """
    if tape.recorder is not None:
        (tape.recorder.grad_dropped if set_to_none else tape.recorder.grad_read)(tensor)
    if tensor.grad is None:
        return
    if set_to_none:
        tensor.grad = None
    else:
        grad = tensor.grad
        kernels_of(grad.device).full(grad.shape, 0.0, grad.dtype, out=grad.data)
        mark_written(grad)


def parse_targets(targets: tuple[Any, ...]) -> tuple[Device | None, np.dtype | None]:
    """What `Module.to` was given, told apart: a device (or its name) and a float dtype (or its name)."""
    where, dtype = None, None
    for target in targets:
        if isinstance(target, Device) or (isinstance(target, str) and not dtypes.is_name(target)):
            where = find_device(target)
        else:
            dtype = dtypes.check(target)
            if not dtypes.is_float(dtype):
                raise TypeError(f"Module.to: parameters are float, they cannot become {dtype}")
    return where, dtype


def convert(tensor: Tensor, where: Device | None, dtype: np.dtype | None) -> None:
    """Give `tensor` and its gradient other memory: on the device `where`, and of `dtype` if it is float."""
    targets = [target for target in (where, dtype if dtypes.is_float(tensor.dtype) else None) if target is not None]
    with grad_mode(False):
        for part in (tensor, tensor.grad):
            if part is not None:
                moved = part.detach().to(*targets)
                part.data, part.device = moved.data, moved.device
                mark_written(part)


def overwrite(tensor: Tensor, value: "Tensor | Array") -> None:
    """Overwrite the values of `tensor` in place."""
    memory = tensor.device.memory
    if isinstance(value, Tensor):
        source = value.data if value.device.memory is memory else memory.put(value.data, value.dtype)
    else:
        source = memory.at(np.asarray(value))
    source = source.astype(dtypes.check(source.dtype), copy=memory.may_share(source, tensor.data))
    kernels_of(tensor.device).copy(source, tensor.dtype, out=tensor.data)
    mark_written(tensor)
