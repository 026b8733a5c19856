"""How much memory the results of a step's kernels hold at once, by watching them come and go."""

import weakref
from typing import Any

import numpy as np

from .. import tape
from ..backend import Array
from ..memory import is_view
from ..record import WatchedKernels
from .work import Step


def most_alive(step: Step) -> int:
    """The most bytes that results of kernels hold at the end of any call of a step; gradients of its leaves aside.

    >>> import pyengine as pe
    >>> x = pe.ones(4, 4)
    >>> most_alive(Step(lambda: (x + 1.0).exp().sum(), ()))  # two of 64 bytes; the first is gone when the sum is made
    128
    """
    for leaf in step.leaves:
        leaf.grad = None
    results = _Results()
    tape.observer = results.watch
    try:
        step.run(*step.batch)
    finally:
        tape.observer = None
    return results.most([leaf.grad.data for leaf in step.leaves if leaf.grad is not None])


class _Results:
    """Those alive now, and how many bytes there were behind each call."""

    def __init__(self) -> None:
        self._now = 0
        self._behind: list[int] = []
        self._made: dict[int, int] = {}  # by the id of an array, the number of the call that gave it

    def watch(self, device: Any) -> Any:
        """The device's kernels, watched."""
        return WatchedKernels(device.kernels, self.note)

    def note(self, name: str, args: tuple[Any, ...], attrs: dict[str, Any], result: Any) -> None:
        """A call gave this result; arrays that it was given to write in are nothing new."""
        old = {id(value) for value in (*args, *attrs.values())}
        for array in result if isinstance(result, tuple | list) else (result,):
            if isinstance(array, np.ndarray) and not is_view(array) and id(array) not in old:
                self._now += array.nbytes
                self._made[id(array)] = len(self._behind)
                weakref.finalize(array, self._gone, array.nbytes)
        self._behind.append(self._now)

    def _gone(self, nbytes: int) -> None:
        self._now -= nbytes

    def most(self, gradients: list[Array]) -> int:
        """The highest level, less what these held of it from their making on."""
        levels = np.array(self._behind)
        for array in gradients:
            if id(array) in self._made:
                levels[self._made[id(array)] :] -= array.nbytes
        return int(levels.max(initial=0))
