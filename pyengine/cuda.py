"""`pe.cuda`: whether there is a GPU, waiting for it, its memory, and times on it."""

from typing import Any

from .backend import device
from .gpu_memory import DeviceUnavailableError, GpuMemory, load_cupy, load_native

__all__ = ["Event", "device_count", "is_available", "memory_stats", "synchronize"]


def is_available() -> bool:
    """Whether the device "cuda" can be used: native kernels, CuPy, a driver and a GPU. Never raises.

    >>> is_available() in (True, False)
    True
    """
    try:
        load_native()
        load_cupy()
    except (DeviceUnavailableError, ImportError):
        return False
    return True


def device_count() -> int:
    """The number of GPUs that this process may use; 0 where the device "cuda" cannot be used.

    >>> device_count() >= is_available()
    True
    """
    return int(load_cupy().cuda.runtime.getDeviceCount()) if is_available() else 0


def _memory() -> GpuMemory:
    found: Any = device("cuda").memory
    return found


def synchronize() -> None:
    """Wait until the GPU has done all that it was given, on all streams.

    Positions and labels are checked by kernels, on the GPU; what these found raises here at the latest: IndexError or
    ValueError, of the kernel that found it. ValueError where there is no GPU.

    >>> synchronize() if is_available() else None
    """
    _memory().native._synchronize()


def memory_stats() -> dict[str, int]:
    """What CuPy's memory pool and the GPU hold, in bytes; ValueError where there is no GPU.

    in_use  in arrays that are alive     cached  released and kept     free, total  of the GPU

    >>> sorted(memory_stats()) if is_available() else ["cached", "free", "in_use", "total"]
    ['cached', 'free', 'in_use', 'total']
    """
    cupy = _memory().cupy
    pool = cupy.get_default_memory_pool()
    free, total = cupy.cuda.runtime.memGetInfo()
    return {"in_use": pool.used_bytes(), "cached": pool.free_bytes(), "free": int(free), "total": int(total)}


class Event:
    """A mark in the current stream: two of them tell how long the GPU took for what lies between.

    ValueError where there is no GPU.

    >>> if is_available():
    ...     start, end = Event(), Event()
    ...     start.record()
    ...     end.record()
    ...     assert start.elapsed_time(end) >= 0
    """

    def __init__(self) -> None:
        self._cupy = _memory().cupy
        self._event = self._cupy.cuda.Event()

    def record(self) -> None:
        """Set the mark behind all that the current stream was given."""
        self._event.record()

    def query(self) -> bool:
        """Whether the GPU has come past the mark."""
        return bool(self._event.done)

    def synchronize(self) -> None:
        """Wait until the GPU has come past the mark."""
        self._event.synchronize()

    def elapsed_time(self, end: "Event") -> float:
        """Milliseconds from this mark to `end`, for which it waits."""
        end.synchronize()
        return float(self._cupy.cuda.get_elapsed_time(self._event, end._event))
