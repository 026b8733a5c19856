"""One thing that is timed: the same work for every contender, and what its result must be."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from .. import backend
from ..backend import Array, Kernels
from .peers import Peer


class Place(NamedTuple):
    """Where pyengine's side of a task computes.

    kernels  the device's kernels
    put      from a NumPy array to one of the device's, with the same strides
    get      and back again
    """

    kernels: Kernels
    put: Callable[[Array], Any]
    get: Callable[[Any], Array]


CPU = Place(backend.cpu.kernels, lambda a: a, np.asarray)


@dataclass
class Task:
    """Work of which a benchmark makes a row.

    group, name  what it is; a group is a part of the table
    ours         one call of it by pyengine
    result       what the last call of it left, as arrays
    want         the right result in float64, computed only when it is compared, after the timing
    peers        one call by each peer, by name, and the peer's result; a peer that cannot do it is left out
    flops, bytes the least number of operations, and of bytes read and written
    tolerance    of the result, relative to the largest wanted number of each array
    more         further figures for the row, asked for after the timing
    """

    group: str
    name: str
    ours: Callable[[], object]
    result: Callable[[], Sequence[Array]]
    want: Callable[[], Sequence[Array]]
    flops: int
    bytes: int
    dtype: np.dtype
    tolerance: float
    peers: dict[str, tuple[Callable[[], object], Callable[[], Sequence[Array]]]] = field(default_factory=dict)
    more: Callable[[], dict[str, Any]] = dict

    def wrong(self) -> list[str]:
        """Whose result is wrong, in words; the last call of each must have been made."""
        want = [np.asarray(w, np.float64) for w in self.want()]
        results = {"pyengine": self.result, **{name: result for name, (_, result) in self.peers.items()}}
        found = []
        for name, result in results.items():
            for i, (got, right) in enumerate(zip(result(), want, strict=False)):
                off = float(np.abs(got - right).max(initial=0.0))
                allowed = self.tolerance * float(np.abs(right).max(initial=0.0))
                if not off <= allowed:  # NaN is not <= either
                    found.append(f"{name}, {self.name}: result {i} is off by {off:.3g}, allowed {allowed:.3g}")
        return found


class UnavailableError(Exception):
    """A row cannot be made here: says why."""


@dataclass
class Spec:
    """A row that can be made: making it takes memory, so it is made when its turn comes, and dropped after it."""

    group: str
    name: str
    kernel: str
    make: Callable[[dict[str, Peer]], Task]

    def matches(self, asked: Sequence[str]) -> bool:
        """Whether one of the words asked for is its group, its kernel or its name; no words ask for all."""
        return not asked or any(word in (self.group, self.kernel, self.name) for word in asked)
