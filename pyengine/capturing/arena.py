"""One block of memory for all results of a recorded step.

A result is alive from the call that writes it to the last one that reads it. Two that are never alive together may lie
at the same place; so may the result of an elementwise call and an operand that nobody reads again. Finding the smallest
block is hard (it is packing rectangles); placing the large ones first, each as low as it fits, comes close:
Y. Pisarchyk and J. Lee, "Efficient memory management for deep neural net inference" (2020), greedy by size.
"""

from collections.abc import Iterable, Sequence, Set
from typing import NamedTuple

import numpy as np

from .._core import empty
from ..backend import Array
from .draft import is_dense, size
from .fusion import ELEMENTWISE
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


def in_place(trace: Trace, alive: dict[int, tuple[int, int]]) -> set[tuple[int, int]]:
    """Pairs of results (operand, result) of which the second may take the place of the first.

    Both are of one elementwise call, or of a fused one, which reads the operand for the last time when it writes the
    result, or before.
    """
    pairs: set[tuple[int, int]] = set()
    for i, call in enumerate(trace.calls):
        parts = call.parts or (call,)
        if any(part.kernel not in ELEMENTWISE for part in parts):
            continue
        reads: dict[int, list[tuple[int, View]]] = {}  # of each result: in which part, and how
        for n, part in enumerate(parts):
            for operand in part.operands[:-1]:
                if operand.view.kind == "made":
                    reads.setdefault(operand.view.number, []).append((n, operand.view))
        for n, part in enumerate(parts):
            out = part.operands[-1].view
            if out.kind != "made" or alive.get(out.number, (-1,))[0] != i:
                continue
            for number, seen in reads.items():
                ends = alive.get(number, (i, -1))
                if ends[0] < i == ends[1] and all(at <= n and _alike(view, out) for at, view in seen):
                    pairs.add((number, out.number))
    return pairs


def _alike(a: View, b: View) -> bool:
    """Whether elements of the same number lie at the same place in both."""
    same_start = a.offset == b.offset == 0
    return same_start and a.dtype == b.dtype and size(a) == size(b) and is_dense(a) and is_dense(b)


def pack(
    sizes: dict[int, int], alive: dict[int, tuple[int, int]], pairs: Set[tuple[int, int]] = frozenset()
) -> list[Place]:
    """A place for each result, the large ones first, each as low as nothing else lies while it is alive.

    Of a pair, the two may lie at the same place although both are alive in one call.

    >>> pack({0: 128, 1: 128, 2: 64}, {0: (0, 1), 1: (1, 2), 2: (2, 3)})  # 2 comes when 0 is gone
    [Place(number=0, offset=0, nbytes=128, first=0, last=1), Place(number=1, offset=128, nbytes=128, first=1, last=2), \
Place(number=2, offset=0, nbytes=64, first=2, last=3)]
    """
    placed: list[Place] = []
    for index in sorted(sizes, key=lambda i: (-sizes[i], alive[i])):
        first, last = alive[index]
        others = sorted((p for p in placed if p.first <= last and first <= p.last), key=lambda p: p.offset)
        partners = [p for p in others if (p.number, index) in pairs or (index, p.number) in pairs]
        offset = next((p.offset for p in partners if _fits(sizes[index], p, others)), None)
        if offset is None:
            offset = 0
            for other in others:
                if offset + sizes[index] <= other.offset:
                    break
                offset = max(offset, _aligned(other.offset + other.nbytes))
        placed.append(Place(index, offset, sizes[index], first, last))
    return placed


def _fits(nbytes: int, partner: Place, others: Iterable[Place]) -> bool:
    """Whether nothing else lies in the partner's place."""
    end = partner.offset + nbytes
    return nbytes <= partner.nbytes and not any(
        p is not partner and p.offset < end and partner.offset < p.offset + p.nbytes for p in others
    )


class Arena:
    """The block, and where each result lies in it.

    made  the arrays of the results at the recording; those in `held` keep their memory, as something still uses them
    """

    def __init__(self, trace: Trace, outputs: Sequence[View], made: Sequence[Array], held: set[int]) -> None:
        alive = lifetimes(trace, outputs)
        sizes = {i: made[i].nbytes for i in alive if made[i].nbytes and i not in held}
        self.places = {place.number: place for place in pack(sizes, alive, in_place(trace, alive))}
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
