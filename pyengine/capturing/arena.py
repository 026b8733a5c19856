"""One block of memory for all results of a recorded step.

A result is alive from the call that writes it to the last one that reads it. Two that are never alive together may lie
at the same place. Finding the smallest block is hard (it is packing rectangles); placing the large ones first, each as
low as it fits, comes close: Y. Pisarchyk and J. Lee, "Efficient memory management for deep neural net inference"
(2020), greedy by size.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from .._core import empty
from ..backend import Array
from .recorder import address
from .trace import Trace, View

ALIGNMENT = 64  # bytes: a cache line, which is also the widest vector


class Place(NamedTuple):
    """Where the result `number` lies in the arena, and from which call to which it is alive."""

    number: int
    offset: int
    nbytes: int
    first: int
    last: int


def lifetimes(trace: Trace, outputs: Iterable[View]) -> dict[int, tuple[int, int]]:
    """For each result of the step, by its index, the first and the last call that it must be there for.

    What the step returns must still be there behind the last call.
    """
    alive: dict[int, tuple[int, int]] = {}
    for i, call in enumerate(trace.calls):
        for operand in call.operands:
            if operand.view.kind == "made":
                alive[operand.view.number] = alive.get(operand.view.number, (i, i))[0], i
    for view in outputs:
        if view.kind == "made":
            alive[view.number] = alive[view.number][0], len(trace.calls)
    return alive


def pack(sizes: dict[int, int], alive: dict[int, tuple[int, int]]) -> list[Place]:
    """A place for each result, the large ones first, each as low as nothing else lies while it is alive.

    >>> pack({0: 128, 1: 128, 2: 64}, {0: (0, 1), 1: (1, 2), 2: (2, 3)})  # 2 comes when 0 is gone
    [Place(number=0, offset=0, nbytes=128, first=0, last=1), Place(number=1, offset=128, nbytes=128, first=1, last=2), \
Place(number=2, offset=0, nbytes=64, first=2, last=3)]
    """
    placed: list[Place] = []
    for index in sorted(sizes, key=lambda i: (-sizes[i], alive[i])):
        first, last = alive[index]
        offset = 0
        for other in sorted((p for p in placed if p.first <= last and first <= p.last), key=lambda p: p.offset):
            if offset + sizes[index] <= other.offset:
                break
            offset = max(offset, _aligned(other.offset + other.nbytes))
        placed.append(Place(index, offset, sizes[index], first, last))
    return placed


class Arena:
    """The block, and where each result lies in it.

    made  the arrays of the results at the recording; those in `held` keep their memory, as something still uses them
    """

    def __init__(self, trace: Trace, outputs: Sequence[View], made: Sequence[Array], held: set[int]) -> None:
        alive = lifetimes(trace, outputs)
        sizes = {i: made[i].nbytes for i in alive if made[i].nbytes and i not in held}
        self.places = {place.number: place for place in pack(sizes, alive)}
        self.nbytes = max((p.offset + p.nbytes for p in self.places.values()), default=0)
        self.unshared = sum(sizes.values())  # what the results take without sharing
        self.block: Array = empty((self.nbytes,), np.dtype(np.uint8))

    def target(self, index: int) -> int:
        """The address of a result."""
        return address(self.block) + self.places[index].offset

    def array(self, view: View, dtype: np.dtype) -> Array:
        """An array of the arena."""
        place = self.places[view.number]
        found: Array = np.ndarray(view.shape, dtype, self.block, place.offset + view.offset, view.strides)
        return found


def _aligned(offset: int) -> int:
    return -(-offset // ALIGNMENT) * ALIGNMENT
