"""A recorded step without its addresses: which call works on which memory. Two runs of one step have equal traces."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .._core import Plan
from ..backend import Array
from .recorder import Call, Recorder, address


class View(NamedTuple):
    """An array of a call. `kind` says whose memory it walks, the `number`-th of that kind, from byte `offset` on.

    kind  "made" by a call of the step · "input" of the step · "renewed" by the host before each replay · "outside"
    """

    kind: str
    number: int
    offset: int
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # in bytes

    def __str__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"


class Operand(NamedTuple):
    """A view and what the call does with it: "read", "write" or "update"."""

    access: str
    view: View


class TracedCall(NamedTuple):
    """A native call and its operands, arguments first.

    kept   the parsed call itself
    parts  the calls that it does the work of, where a pass has made one of several
    """

    kernel: str
    settings: str
    attrs: tuple[tuple[str, Any], ...]
    inputs: int  # how many of the operands were given by position
    line: str
    operands: tuple[Operand, ...]
    kept: object = None
    parts: tuple["TracedCall", ...] = ()


class Trace:
    """The calls of a recorded step, and the memory that they work on.

    recorder  after the step has run
    plan      its calls, as they are kept natively
    inputs    the arrays that stand for the step's inputs
    """

    def __init__(self, recorder: Recorder, plan: Plan, inputs: Sequence[Array]) -> None:
        renewed = [array for array, _ in recorder.renewals]
        self.outside: list[Array] = []
        self._outside: dict[int, int] = {}  # position in `outside` by address
        self._given = recorder.given
        self._ranges = sorted(
            (address(array), array.nbytes, kind, index)
            for kind, arrays in (("made", recorder.made), ("input", inputs), ("renewed", renewed))
            for index, array in enumerate(arrays)
        )
        self._starts = [start for start, *_ in self._ranges]
        self.calls = [self._traced(call, plan.views(i)) for i, call in enumerate(recorder.calls)]

    def _traced(self, call: Call, views: Sequence[tuple[Any, ...]]) -> TracedCall:
        operands = tuple(map(self.operand, views))
        return TracedCall(call.kernel, call.settings, call.attrs, call.inputs, call.line, operands, call.kept)

    def operand(self, seen: tuple[Any, ...]) -> Operand:
        """An operand as a plan gives it, in terms of the step's memory."""
        access, *where = seen
        return Operand(access, self.view(*where))

    def view(self, start: int, dtype: str, shape: tuple[int, ...], strides: tuple[int, ...]) -> View:
        """The array at that address in terms of the step's memory."""
        at = bisect_right(self._starts, start) - 1
        if at >= 0:
            low, nbytes, kind, index = self._ranges[at]
            if start < low + max(nbytes, 1):
                return View(kind, index, start - low, dtype, shape, strides)
        if start not in self._outside:
            self._outside[start] = len(self.outside)
            self.outside.append(self._given[start])
        return View("outside", self._outside[start], 0, dtype, shape, strides)

    def view_of(self, array: Array) -> View:
        """An array in terms of the step's memory."""
        start = address(array)
        self._given.setdefault(start, array)
        return self.view(start, array.dtype.name, array.shape, array.strides)

    def maker(self, number: int) -> TracedCall:
        """The call that made a result."""
        made = ((call, operand.view) for call in self.calls for operand in call.operands)
        return next(call for call, view in made if view.kind == "made" and view.number == number)

    def forget_calls(self) -> None:
        """Let go of the parsed calls: this trace is only compared with another."""
        self.calls = [call._replace(kept=None) for call in self.calls]

    def forget_arrays(self) -> None:
        """Let go of all arrays but those from outside; no view can be looked up any more."""
        self._given.clear()


def difference(before: Trace, now: Trace) -> str:
    """In words, the first thing in which two runs of a step differ; empty where they do the same."""
    for old, new in zip(before.calls, now.calls, strict=False):
        if old.kernel != new.kernel:
            return f"where it called {old.kernel} ({old.line}) it now calls {new.kernel} ({new.line})"
        if old.settings != new.settings:
            return f"{new.kernel} ({new.line}) now has the settings {new.settings}, before {old.settings}"
        for a, b in zip(old.operands, new.operands, strict=False):
            if a.view.shape != b.view.shape or a.view.dtype != b.view.dtype:
                return f"{new.kernel} ({new.line}) now works on {b.view}, before on {a.view}"
            if a != b:
                return f"{new.kernel} ({new.line}) now works on other memory, an array {b.view}"
            if a.view.kind == "outside" and not _same_outside(before, now, a):
                return _changed(new, b.view, before.outside[a.view.number], now.outside[b.view.number])
    if len(before.calls) != len(now.calls):
        return f"it made {len(before.calls)} kernel calls, now {len(now.calls)}"
    return ""


def _same_outside(before: Trace, now: Trace, operand: Operand) -> bool:
    """Whether an array from outside is the same in both runs, or at least was made with the same elements."""
    old, new = before.outside[operand.view.number], now.outside[operand.view.number]
    if address(old) == address(new):
        return True
    if operand.access != "read" or old.shape != new.shape or old.dtype != new.dtype:
        return False
    on_host = [array if isinstance(array, np.ndarray) else array.get() for array in (old, new)]
    return on_host[0].tobytes() == on_host[1].tobytes()


def _changed(call: TracedCall, view: View, old: Array, new: Array) -> str:
    if view.shape == ():
        return f"the number {new.item():g} of {call.kernel} ({call.line}) was {old.item():g} before"
    return f"{call.kernel} ({call.line}) works on an array {view} that is not the one of before"
