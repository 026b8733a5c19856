"""Where the arrays of a device lie: how they are made, filled from the host, read on it, and looked at in other ways.

On the host arrays are NumPy's, from the pool that also serves the kernels' results; gpu_memory.py has CuPy's.
"""

from typing import Any

import numpy as np

from ._core import empty as pool_array
from .brain_float import is_bfloat16, rounded

Array = np.ndarray[Any, Any]  # or CuPy's, which have the same attributes


class HostMemory:
    """NumPy arrays."""

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> Array:
        """A new uninitialised array."""
        return pool_array(shape, dtype)

    def put(self, data: Any, dtype: np.dtype) -> Array:
        """A copy of an array of any device, a number or a nested list, as a new C-ordered array of that dtype."""
        source = np.asarray(on_host(data))
        source = rounded(source) if is_bfloat16(dtype) else source
        out = self.empty(source.shape, dtype)
        np.copyto(out, source, casting="unsafe")
        return out

    def at(self, array: Array) -> Array:
        """A NumPy array where this device's kernels can read it: the array itself where they can."""
        return array

    def get(self, array: Array) -> Array:
        """The array as NumPy's, for the host to read: the array itself where it can."""
        return array

    def freeze(self, array: Array) -> None:
        """Make writing to it an error, where arrays can do that."""
        array.setflags(write=False)

    def take_over(self, data: Any) -> Array:
        """An array of another library as this memory's kind, sharing its elements."""
        return np.asarray(data)

    def may_share(self, a: Array, b: Array) -> bool:
        """Whether a write to one may be seen in the other: False is certain."""
        return np.may_share_memory(a, b)

    def rows(self, source: Array, indices: "np.ndarray[Any, np.dtype[np.int64]]") -> Array:
        """The parts source[indices], all of which exist, as a new array."""
        out = self.empty((len(indices), *source.shape[1:]), source.dtype)
        # "clip" because the default gathers into a buffer first; no index is outside here
        if source.flags.c_contiguous:
            source.take(indices, axis=0, out=out, mode="clip")
        else:  # take() would copy the whole source first
            np.copyto(out, source[indices])
        return out

    # --- views: other ways to walk the same memory

    def expand(self, a: Array, shape: tuple[int, ...]) -> Array:
        """Axes of length 1, and new leading ones, repeated."""
        return np.broadcast_to(a, shape)

    def reshape(self, a: Array, shape: tuple[int, ...]) -> Array | None:
        """The elements in another shape; None where no strides walk this memory so."""
        try:
            return np.reshape(a, shape, copy=False)
        except ValueError:
            return None

    def nonzero(self, mask: Array) -> tuple[Array, ...]:
        """Where `mask` is true: for each axis the positions along it."""
        return tuple(np.ascontiguousarray(positions, np.int64) for positions in np.nonzero(mask))

    def scalar(self, value: float, dtype: np.dtype) -> Array:
        """A constant as an array without axes."""
        return rounded(value) if is_bfloat16(dtype) else np.asarray(value, dtype)


HOST = HostMemory()


def on_host(data: Any) -> Any:
    """`data`, where it is a CuPy array as NumPy's."""
    return data.get() if not isinstance(data, np.ndarray) and is_gpu_array(data) else data


def is_gpu_array(value: Any) -> bool:
    """Whether it says that its elements lie on a GPU, whichever library made it."""
    return hasattr(value, "__cuda_array_interface__")


def is_array(value: Any) -> bool:
    """Whether it is an array of some device."""
    return isinstance(value, np.ndarray) or is_gpu_array(value)


def is_view(array: Array) -> bool:
    """Whether it walks another array's memory."""
    return isinstance(array.base, type(array))
