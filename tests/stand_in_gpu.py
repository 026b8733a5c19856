"""A GPU for machines without one: what CuPy and the native module show to the package, over the host's memory.

Its arrays are no NumPy arrays and refuse to become any, its kernels take no others: code that would hand the one where
the other belongs fails here as it would on a GPU. The kernels are those of cudasim.
"""

import importlib
import sys
import types
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest

from pyengine import backend, gpu_memory
from pyengine._core import Plan
from pyengine.capturing import recording
from pyengine.kernel_names import KERNEL_NAMES


class Pointer:
    """Where an array's elements begin."""

    def __init__(self, array: np.ndarray) -> None:
        self.keeps = array
        self.ptr = array.__array_interface__["data"][0]


class Flags:
    def __init__(self, array: np.ndarray) -> None:
        self.c_contiguous = array.flags.c_contiguous


class GpuArray:
    """As much of cupy.ndarray as the package uses; `host` is what a GPU would not show."""

    __array_ufunc__ = None

    def __init__(self, shape: Any, dtype: Any = float, memptr: Any = None, strides: Any = None) -> None:
        if memptr is None:
            self.host = np.full(shape, 77, dtype)  # not 0: nobody may count on that
            self.base = None
            return
        interface = {"shape": shape, "typestr": np.dtype(dtype).str, "strides": strides, "version": 3}
        place = types.SimpleNamespace(__array_interface__={"data": (memptr.ptr, False), **interface})
        self.host = np.asarray(place).view(dtype)  # typestr has no name for bfloat16
        self.base = self.keeps = memptr.keeps
        self.base = over(self.base)

    def __array__(self, *args: Any, **options: Any) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")

    data = property(lambda self: Pointer(self.host))
    strides = property(lambda self: self.host.strides)
    dtype = property(lambda self: self.host.dtype)
    ndim = property(lambda self: self.host.ndim)
    size = property(lambda self: self.host.size)
    itemsize = property(lambda self: self.host.itemsize)
    nbytes = property(lambda self: self.host.nbytes)
    flags = property(lambda self: Flags(self.host))

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {**self.host.__array_interface__, "version": 3}

    def _view(self, host: np.ndarray) -> "GpuArray":
        out = over(host)
        out.base = self
        return out

    def __getitem__(self, index: Any) -> "GpuArray":
        part = self.host[index]
        if not isinstance(part, np.ndarray):  # NumPy's number; CuPy has none, but arrays without axes
            part = self.host[(*index, ...) if isinstance(index, tuple) else (index, ...)]
        return self._view(part)

    def __setitem__(self, index: Any, value: "GpuArray") -> None:
        self.host[index] = value.host

    def __len__(self) -> int:
        return len(self.host)

    def __dlpack__(self, **options: Any) -> Any:
        return self.host.__dlpack__()

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, 0

    @property
    def shape(self) -> Any:
        return self.host.shape

    @shape.setter
    def shape(self, shape: Any) -> None:
        try:
            self.host = self.host.reshape(shape, copy=False)
        except ValueError:
            raise AttributeError("incompatible shape") from None

    def view(self) -> "GpuArray":
        return self._view(self.host)

    def transpose(self, axes: Any) -> "GpuArray":
        return self._view(self.host.transpose(axes))

    def reshape(self, shape: Any) -> "GpuArray":
        return self._view(self.host.reshape(shape, copy=False))

    def astype(self, dtype: Any, copy: bool = True) -> "GpuArray":
        return over(self.host.astype(dtype)) if copy or dtype != self.dtype else self

    def get(self) -> np.ndarray:
        return self.host.copy()


def over(host: np.ndarray) -> GpuArray:
    out = GpuArray.__new__(GpuArray)
    out.host, out.base = host, None
    return out


def _asarray(value: Any) -> GpuArray:
    return value if isinstance(value, GpuArray) else over(np.array(value, order="C"))


def cupy_module() -> Any:
    """A module like cupy."""

    class Event:
        done = True

        def record(self) -> None: ...

        def synchronize(self) -> None: ...

    class Stream:
        """Does at once what is put on it, or notes it for a graph."""

        current: ClassVar[list["Stream"]] = []

        def __init__(self, non_blocking: bool = False) -> None:
            self.ptr = 8 * len(self.current)
            self.noted: list[Callable[[], Any]] | None = None
            self.may_note = non_blocking

        def __enter__(self) -> "Stream":
            self.current.append(self)
            return self

        def __exit__(self, *raised: object) -> None:
            self.current.pop()

        def synchronize(self) -> None:
            if self.noted is not None:
                raise RuntimeError("operation not permitted when stream is capturing")

        def begin_capture(self) -> None:
            if not self.may_note:
                raise RuntimeError("cannot capture on the default (legacy) stream")
            self.noted = []

        def end_capture(self) -> Any:
            noted, self.noted = self.noted, None
            return types.SimpleNamespace(launch=lambda: [work() for work in noted])

    default = Stream()
    Stream.current.append(default)
    runtime = types.SimpleNamespace(getDeviceCount=lambda: 1, memGetInfo=lambda: (1 << 30, 1 << 31))
    pool = types.SimpleNamespace(used_bytes=lambda: 512, free_bytes=lambda: 1024)
    return types.SimpleNamespace(
        __version__="14.2.0",
        ndarray=GpuArray,
        empty=GpuArray,
        asarray=_asarray,
        asnumpy=lambda a: a.get(),
        from_dlpack=lambda a: over(a.host),
        broadcast_to=lambda a, shape: a._view(np.broadcast_to(a.host, shape)),
        ascontiguousarray=lambda a, dtype: over(np.ascontiguousarray(a.host, dtype)),
        nonzero=lambda a: tuple(map(over, np.nonzero(a.host))),
        get_default_memory_pool=lambda: pool,
        cuda=types.SimpleNamespace(
            runtime=runtime,
            Event=Event,
            get_elapsed_time=lambda start, end: 1.5,
            Stream=Stream,
            get_current_stream=lambda: Stream.current[-1],
        ),
    )


def _there(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        raise TypeError("must be a cupy.ndarray, not numpy.ndarray")
    if isinstance(value, list | tuple):
        return type(value)(map(_there, value))
    return value.host if isinstance(value, GpuArray) else value


def _back(results: Any, attrs: dict[str, Any]) -> Any:
    out = attrs.get("out")
    if out is not None or results is None:
        return out
    if isinstance(results, tuple):
        return tuple(None if r is None else over(r) for r in results)
    return over(results)


def _kernel(kernel: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **attrs: Any) -> Any:
        return _back(kernel(*map(_there, args), **{name: _there(value) for name, value in attrs.items()}), attrs)

    return call


def _keeper(keeper: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **attrs: Any) -> Any:
        results, kept = keeper(*map(_there, args), **{name: _there(value) for name, value in attrs.items()})
        return _back(results, attrs), kept

    return call


class GpuPlan:
    """pyengine._core.Plan for calls that a GPU would do: its run puts them on the current stream."""

    def __init__(self, calls: list[object]) -> None:
        self._plan = Plan(calls)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plan, name)

    def run(self) -> None:
        noted = sys.modules["cupy"].cuda.get_current_stream().noted
        if noted is None:
            self._plan.run()
        else:
            noted.append(self._plan.run)


def native_module() -> Any:
    """A module like pyengine._cuda."""
    simulated = backend.DEVICES["cudasim"].kernels
    module = types.SimpleNamespace(**{name: _kernel(getattr(simulated, name)) for name in KERNEL_NAMES})
    keepers = importlib.import_module("pyengine._cudasim")._keepers
    module._keepers = {name: _keeper(keepers[name]) for name in KERNEL_NAMES}
    module._raise_faults = module._synchronize = lambda: None
    return module


def install(patch: pytest.MonkeyPatch) -> None:
    """Let the device "cuda" be this one."""
    patch.setitem(sys.modules, "cupy", cupy_module())
    patch.setitem(sys.modules, "pyengine._cuda", native_module())
    patch.setattr(backend.DEVICES, "_loaded", {k: v for k, v in backend.DEVICES._loaded.items() if k != "cuda"})
    patch.setattr(backend, "_ones", {})
    patch.setattr(recording, "Plan", GpuPlan)
    gpu_memory.memory.cache_clear()
