"""The arrays of the device "cuda": CuPy's, on its current device and stream.

Imported when the device is first asked for, never by `import pyengine`. What is missing raises DeviceUnavailableError
with what to do about it.
"""

import functools
import importlib
from typing import Any

import numpy as np

from .brain_float import is_bfloat16, rounded
from .memory import Array, HostMemory

_FIRST_WITH_BFLOAT16 = 14  # CuPy's major version
_BFLOAT16_NAMES = ("bfloat16", "torch.bfloat16")


class DeviceUnavailableError(ValueError):
    """A device that this installation or this machine does not have; the message says what is missing."""


class _Addresses:
    """An array's place in memory, for NumPy to reason about; nothing is read there."""

    def __init__(self, a: Any) -> None:
        interface = {"shape": a.shape, "typestr": a.dtype.str, "strides": a.strides, "version": 3}
        self.__array_interface__ = {"data": (int(a.data.ptr), False), **interface}


def _shadow(a: Any) -> Array:
    return np.asarray(_Addresses(a))


class GpuMemory(HostMemory):
    """CuPy arrays. Copies from the host are ordered on CuPy's current stream; `get` waits for it."""

    def __init__(self, cupy: Any, native: Any) -> None:
        self.cupy = cupy
        self.native = native

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> Array:
        self._require(dtype)
        return self.cupy.empty(shape, dtype)

    def put(self, data: Any, dtype: np.dtype) -> Array:
        self._require(dtype)
        if hasattr(data, "__cuda_array_interface__"):
            source = self.take_over(data)
            return self.native.copy(source, dtype)
        source = rounded(data) if is_bfloat16(dtype) else data
        return self.cupy.asarray(np.array(source, dtype, order="C"))

    def at(self, array: Array) -> Array:
        return self.cupy.asarray(array)

    def get(self, array: Any) -> Array:
        found = self.cupy.asnumpy(array)
        self.native._raise_faults()  # what kernels found in their data until now
        return found

    def take_over(self, data: Any) -> Array:
        """Any library's GPU array as CuPy's, over the same memory."""
        if isinstance(data, self.cupy.ndarray):
            return data
        # not of bfloat16, which the interface has no name for: torch refuses with a TypeError, others call it bytes
        if hasattr(data, "__cuda_array_interface__") and str(getattr(data, "dtype", "")) not in _BFLOAT16_NAMES:
            return self.cupy.asarray(data)
        return self.cupy.from_dlpack(data)

    def _require(self, dtype: np.dtype) -> None:
        """TypeError for bfloat16 where CuPy is too old to have arrays of it."""
        version = self.cupy.__version__
        if is_bfloat16(dtype) and int(version.partition(".")[0]) < _FIRST_WITH_BFLOAT16:
            raise TypeError(
                f'device "cuda": CuPy {version} has no bfloat16; pip install -U cupy-cuda13x gives one that has '
                f"(from {_FIRST_WITH_BFLOAT16} on)"
            )

    def freeze(self, array: Array) -> None:
        pass

    def may_share(self, a: Array, b: Array) -> bool:
        return np.may_share_memory(_shadow(a), _shadow(b))

    def rows(self, source: Array, indices: "np.ndarray[Any, np.dtype[np.int64]]") -> Array:
        return self.native.index(source, [self.at(indices)], axes=(0,))

    def expand(self, a: Array, shape: tuple[int, ...]) -> Array:
        return self.cupy.broadcast_to(a, shape)

    def reshape(self, a: Any, shape: tuple[int, ...]) -> Array | None:
        view = a.view()  # not an array over the same pointer: this one knows whose memory it is
        try:
            view.shape = shape
        except AttributeError:
            return None
        return view

    def nonzero(self, mask: Array) -> tuple[Array, ...]:
        return tuple(self.cupy.ascontiguousarray(positions, np.int64) for positions in self.cupy.nonzero(mask))

    def scalar(self, value: float, dtype: np.dtype) -> Array:
        return self.native.full((), value, dtype)  # the number travels with the launch


def _missing(what: str, remedy: str) -> DeviceUnavailableError:
    return DeviceUnavailableError(
        f'device "cuda": {what}; {remedy}. device="cudasim" runs the same kernels without a GPU'
    )


def load_cupy() -> Any:
    """CuPy, with a GPU that it can use; DeviceUnavailableError where there is none."""
    try:
        cupy = importlib.import_module("cupy")
    except ImportError as error:
        why = "CuPy is not installed" if isinstance(error, ModuleNotFoundError) else f"CuPy cannot be used ({error})"
        raise _missing(why, "pip install 'pyengine[cuda]'") from error
    try:
        count = int(cupy.cuda.runtime.getDeviceCount())
    except Exception as error:  # of CuPy's own kinds, which need a CuPy to be named
        raise _missing(
            f"no GPU can be used ({error})", "it needs an NVIDIA GPU and its driver (see nvidia-smi)"
        ) from error
    if count == 0:
        raise _missing("there is no GPU", "it needs an NVIDIA GPU that is visible (see CUDA_VISIBLE_DEVICES)")
    return cupy


def load_native() -> Any:
    """The module of the native kernels; DeviceUnavailableError where this installation was built without."""
    try:
        return importlib.import_module("pyengine._cuda")
    except ModuleNotFoundError as error:
        remedy = "install the CUDA toolkit and build again: pip install . -C cmake.define.PYENGINE_CUDA=ON"
        raise _missing("this installation was built without its kernels", remedy) from error


@functools.cache
def memory() -> GpuMemory:
    """The memory of the current GPU."""
    native = load_native()
    return GpuMemory(load_cupy(), native)
