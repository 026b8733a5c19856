"""Kernels of a GPU for tests that are written in NumPy's arrays.

Operands go there with all memory around them, and what kernels wrote comes back.
"""

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np


def _root(array: np.ndarray) -> np.ndarray:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _bytes(root: np.ndarray) -> np.ndarray:
    """The memory of an array that lies in one block, whatever its order and whether it may be written to."""
    low, high = np.lib.array_utils.byte_bounds(root)
    return np.frombuffer((ctypes.c_uint8 * (high - low)).from_address(low), np.uint8)


class _Trip:
    """The arrays of one call on the GPU, by the memory that they are views of: what overlaps here overlaps there."""

    def __init__(self, cupy: Any) -> None:
        self.cupy = cupy
        self.moved: dict[int, tuple[np.ndarray, Any]] = {}

    def there(self, value: Any) -> Any:
        if isinstance(value, list | tuple) and any(isinstance(v, np.ndarray) for v in value):
            return type(value)(self.there(v) for v in value)
        if not isinstance(value, np.ndarray):
            return value
        root = _root(value)
        if root.size == 0 or value.size == 0:
            return self.cupy.empty(value.shape, value.dtype)
        if id(root) not in self.moved:
            self.moved[id(root)] = root, self.cupy.asarray(_bytes(root))
        _, memory = self.moved[id(root)]
        offset = value.ctypes.data - np.lib.array_utils.byte_bounds(root)[0]
        return self.cupy.ndarray(value.shape, value.dtype, memptr=memory.data + offset, strides=value.strides)

    def back(self) -> None:
        for root, memory in self.moved.values():
            now, before = self.cupy.asnumpy(memory), _bytes(root)
            if not np.array_equal(now, before):
                before.flags.writeable = True
                before[...] = now


def on_gpu(kernel: Callable[..., Any], cupy: Any) -> Callable[..., Any]:
    """A GPU's kernel that takes and gives NumPy arrays."""

    def call(*args: Any, **attrs: Any) -> Any:
        trip = _Trip(cupy)
        out = attrs.get("out")
        results = kernel(*map(trip.there, args), **{name: trip.there(value) for name, value in attrs.items()})
        cupy.cuda.get_current_stream().synchronize()
        trip.back()
        if out is not None:
            return out
        if isinstance(results, tuple):
            return tuple(None if r is None else cupy.asnumpy(r) for r in results)
        return None if results is None else cupy.asnumpy(results)

    return call
