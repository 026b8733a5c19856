"""A recorded step on its way to a plan: what passes work on."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from math import prod
from types import ModuleType
from typing import NamedTuple

from .._core import Plan
from ..backend import Array
from ..dtypes import check as dtype_of
from .recorder import address
from .trace import Trace, TracedCall, View

Key = tuple[str, int]  # a piece of memory: what kind, and which of it


class Uses(NamedTuple):
    """The memory that a call reads, and that it writes."""

    reads: frozenset[Key]
    writes: frozenset[Key]


class Draft:
    """The calls of a step, which passes replace by others that do the same.

    trace    the recorded calls
    outputs  what the step returns
    made     the arrays of results, by number
    held     results that must be written where they lie, as gradients of leaves
    module   the kernel module that made the calls, None where there were several
    """

    def __init__(
        self, trace: Trace, outputs: Sequence[View], made: Sequence[Array], held: set[int], module: ModuleType | None
    ) -> None:
        self.trace = trace
        self.calls: list[TracedCall] = list(trace.calls)
        self.outputs = list(outputs)
        self.made = made
        self.held: set[Key] = {("made", number) for number in held}
        self.native_fuse: Callable[..., object] | None = getattr(module, "_fuse", None)
        self._names: dict[int, int] = {}  # of results that another one stands for
        self._native = Plan([call.kept for call in self.calls])
        self._starts, self._pieces = self._outside_pieces()

    def key(self, view: View) -> Key:
        """The memory of a view; arrays from outside that overlap are one piece."""
        if view.kind != "outside":
            return view.kind, view.number
        return "outside", self._pieces[bisect_right(self._starts, self.start(view)) - 1]

    def start(self, view: View) -> int:
        """Where the view begins: in its result or input, or the address of an array from outside."""
        return address(self.trace.outside[view.number]) if view.kind == "outside" else view.offset

    def uses(self, call: TracedCall) -> Uses:
        """What a call reads and writes; an update is both."""
        reads = frozenset(self.key(o.view) for o in call.operands if o.access != "write")
        return Uses(reads, frozenset(self.key(o.view) for o in call.operands if o.access != "read"))

    def rename(self, results: Sequence[View], others: Sequence[View]) -> None:
        """Whoever reads `results` from now on reads `others`, which hold the same."""
        for old, new in zip(results, others, strict=True):
            self._names[old.number] = new.number
            begin, nbytes = self.place(old.number)
            self._native.move(begin, nbytes, self.place(new.number)[0])

    def renamed(self, call: TracedCall) -> TracedCall:
        """The call with the names that results have now."""
        operands = tuple(operand._replace(view=self.renamed_view(operand.view)) for operand in call.operands)
        return call._replace(operands=operands)

    def renamed_view(self, view: View) -> View:
        """The view with the name that its result has now."""
        return view._replace(number=self._names.get(view.number, view.number)) if view.kind == "made" else view

    def fixed(self) -> set[Key]:
        """The memory of what the step returns, and of results that must lie where they lie."""
        return {self.key(view) for view in self.outputs} | self.held

    def counts(self) -> Counter[Key]:
        """How many operands lie in each piece of memory."""
        return Counter(self.key(operand.view) for call in self.calls for operand in call.operands)

    def place(self, number: int) -> tuple[int, int]:
        """Address and size of a result."""
        return address(self.made[number]), self.made[number].nbytes

    def traced(self, kept: object, like: Sequence[TracedCall], kernel: str, settings: str) -> TracedCall:
        """A call that a pass has made for those in `like`."""
        views = Plan([kept]).views(0)
        operands = tuple(sorted((self.trace.operand(view) for view in views), key=lambda o: o.access != "read"))
        inputs = sum(operand.access == "read" for operand in operands)
        return TracedCall(kernel, settings, (), inputs, like[0].line, operands, kept, tuple(like))

    def _outside_pieces(self) -> tuple[list[int], list[int]]:
        """Starts of all arrays from outside, in order, and for each the piece of memory that it belongs to."""
        views = (o.view for call in self.trace.calls for o in call.operands if o.view.kind == "outside")
        extents = sorted(_extent(view, self.start(view)) for view in {*views, *self.outputs} if view.kind == "outside")
        starts: list[int] = []
        pieces: list[int] = []
        end = 0
        for low, high in extents:
            pieces.append(pieces[-1] if pieces and low < end else len(pieces))
            starts.append(low)
            end = max(end, high)
        return starts, pieces


def is_dense(view: View) -> bool:
    """Whether the elements lie in one block in row-major order."""
    expected = itemsize(view)
    for length, stride in zip(reversed(view.shape), reversed(view.strides), strict=True):
        if length != 1 and stride != expected:
            return False
        expected *= length
    return True


def itemsize(view: View) -> int:
    """Bytes of an element."""
    return dtype_of(view.dtype).itemsize


def size(view: View) -> int:
    """How many elements it has."""
    return prod(view.shape)


def reach(shape: Sequence[int], strides: Sequence[int]) -> tuple[int, int]:
    """How far the first and the last element in memory lie from the one with index 0, in bytes.

    >>> reach((3, 4), (16, -4))
    (-12, 32)
    """
    ends = [(n - 1) * stride for n, stride in zip(shape, strides, strict=True)] if all(shape) else []
    return sum(end for end in ends if end < 0), sum(end for end in ends if end > 0)


def _extent(view: View, start: int) -> tuple[int, int]:
    """The first byte that a view can touch, and the one behind the last."""
    low, high = reach(view.shape, view.strides)
    return start + low, start + high + itemsize(view)
