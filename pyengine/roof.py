"""The roof: what this processor does at most, measured, against which a profile holds each kernel."""

import importlib
from typing import NamedTuple

import numpy as np

from ._core import get_num_threads
from .backend import cpu_module


class Roof(NamedTuple):
    """What this process can get from this machine, with one number of threads.

    flops  float32 operations per second, all of them multiply-adds in registers; float64 has half as many
    paces  (bytes, bytes per second) by falling size: the pace of reading, copying, adding or updating arrays of that
           many bytes in all over and over, whichever is fastest. The small ones stay in a cache
    """

    flops: float
    paces: tuple[tuple[int, float], ...]

    def pace(self, nbytes: int) -> float:
        """The bytes per second of work on so many bytes: that of half as many, as half may have stayed in a cache.

        >>> Roof(1e9, ((1 << 20, 1e9), (1 << 16, 5e9))).pace(1 << 20)
        5000000000.0
        """
        return next((pace for size, pace in self.paces if 2 * size <= nbytes), self.paces[-1][1])

    def seconds(self, flops: int, nbytes: int, dtype: np.dtype) -> float:
        """The least time of that much work: by its operations or by its bytes, whichever takes longer.

        >>> Roof(2e9, ((1 << 16, 1e9),)).seconds(flops=10**9, nbytes=10, dtype=np.dtype("float64"))
        1.0
        """
        flops_per_second = self.flops / 2 if dtype == np.float64 else self.flops
        return max(flops / flops_per_second, nbytes / self.pace(nbytes))

    def raised(self, other: "Roof") -> "Roof":
        """The higher of two measurements, figure by figure: work of others on the machine can only lower one."""
        paces = zip(self.paces, other.paces, strict=True)
        return Roof(max(self.flops, other.flops), tuple((size, max(a, b)) for (size, a), (_, b) in paces))


_measured: dict[int, Roof] = {}


def roof(again: bool = False) -> Roof:
    """The roof with the threads that are set now, measured at the first call in about 0.4 s; the pool keeps 128 MiB.

    again  measure once more, and keep what is higher
    """
    threads = get_num_threads()
    if again or threads not in _measured:
        flops, paces = importlib.import_module(f"pyengine.{cpu_module()}")._roof()
        found = Roof(flops, tuple(paces))
        _measured[threads] = found.raised(_measured.get(threads, found))
    return _measured[threads]
