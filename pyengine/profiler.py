"""Watching where the time goes: kernel calls by kind, their share of what the machine could do, and a trace."""

import json
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from . import tape
from ._core import memory_stats
from .backend import Array, Device, Kernels
from .ops import OPS, Spec
from .record import VIEWS
from .roof import Roof, roof


class Event(NamedTuple):
    """One kernel call. Times in seconds since the profile began; `allocated` counts the bytes of new results."""

    kernel: str
    start: float
    seconds: float
    flops: int
    bytes: int
    allocated: int
    shapes: tuple[str, ...]
    dtype: np.dtype  # of the result


class Row(NamedTuple):
    """All calls of one kernel. `share` is the least time that the roof allows for this work over what it took."""

    kernel: str
    calls: int
    seconds: float
    flops: int
    bytes: int
    allocated: int
    share: float


class Profile:
    """The kernel calls within a `with` block, the backward pass and the optimizer's included.

    `print()` shows a table by kernel, `rows()` gives it as data, `events` is every call, and `save(path)` writes a
    trace for chrome://tracing or https://ui.perfetto.dev. Time outside of kernels, in Python, is in no row; the last
    line of the table says how much there was. FLOP are counted by the operation's `cost` where the kernel has the name
    of one, and are 0 for other kernels; bytes are those that it must read and write, each once. The share of the roof
    is the least time in which this processor could do that work, with all threads and data in the nearest cache that
    holds them (`pyengine.roof`), over the time that it took: small calls, mostly overhead, have a low one.
    RuntimeError where a profile or recording runs already.

    >>> import pyengine as pe
    >>> with pe.profile() as p:
    ...     x = pe.ones(64, 32) @ pe.ones(32, 16)
    ...     loss = x.sum()
    >>> [(row.kernel, row.calls, row.flops) for row in sorted(p.rows()) if row.kernel != "full"]
    [('matmul', 1, 65536), ('sum', 1, 1024)]
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.seconds = 0.0  # of the whole block
        self.peak = 0  # bytes of arrays alive at once, at the end of any call
        self.roof: Roof | None = None  # from the start of the block on
        self._begin = 0.0
        self._noting = 0.0  # seconds that this profile spent on itself
        self._namespaces: dict[str, Kernels] = {}

    def __enter__(self) -> "Profile":
        if tape.observer is not None:
            raise RuntimeError("profile: a profile or recording is already running; they do not nest")
        self.roof = roof()  # before the clock starts
        self._begin = time.perf_counter()
        tape.observer = self._observe
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tape.observer = None
        self.seconds = time.perf_counter() - self._begin - self._noting
        if any(row.share > 1 for row in self.rows()):
            self.roof = roof(again=True)  # the machine was held up when the roof was measured

    def _observe(self, device: Device) -> Kernels:
        if device.name not in self._namespaces:
            self._namespaces[device.name] = _TimedKernels(device.kernels, self)
        return self._namespaces[device.name]

    def note(
        self, kernel: str, start: float, end: float, args: tuple[Any, ...], attrs: dict[str, Any], out: Any
    ) -> None:
        """Keep one call."""
        inputs = [a for value in (*args, *attrs.values()) for a in _arrays(value)]
        results = _arrays(out)
        given = {id(a) for a in inputs}
        fresh = sum(a.nbytes for a in results if id(a) not in given)
        moved = _moved(kernel, inputs, results)
        shapes = tuple(f"{a.dtype}{list(a.shape)}" for a in inputs)
        dtype = next((a.dtype for a in (*results, *inputs)), np.dtype(np.float32))
        flops = _flops(kernel, args, attrs)
        self.events.append(Event(kernel, start - self._begin, end - start, flops, moved, fresh, shapes, dtype))
        self.peak = max(self.peak, memory_stats()["in_use"])
        self._noting += time.perf_counter() - end

    def rows(self) -> list[Row]:
        """The calls by kernel, the one that took longest first."""
        kinds: dict[str, list[Event]] = {}
        for event in self.events:
            kinds.setdefault(event.kernel, []).append(event)
        rows = (_row(kernel, events, self.roof or roof()) for kernel, events in kinds.items())
        return sorted(rows, key=lambda row: -row.seconds)

    def table(self) -> str:
        """The table as plain text."""
        cells = [_HEAD, *(_cells(row) for row in self.rows())]
        widths = [max(len(line[i]) for line in cells) for i in range(len(_HEAD))]
        lines = [
            "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True)))
            for line in cells
        ]
        return "\n".join([*lines, self._summary()])

    def _summary(self) -> str:
        inside = sum(event.seconds for event in self.events)
        top = self.roof or roof()
        (_, slow), (_, fast) = top.paces[0], top.paces[-1]
        times = f"{inside * 1e3:.2f} of {self.seconds * 1e3:.2f} ms in kernels"
        memory = f"at most {self.peak / 2**20:.1f} MiB in use"
        paces = f"{top.flops / 1e9:.0f} GFLOP/s (float32), {slow / 1e9:.0f} GB/s (memory) to {fast / 1e9:.0f} (cache)"
        return f"{times}; {memory}\nroof: {paces}"

    def print(self) -> None:
        """Show the table: by rich where a terminal can show it, else plain."""
        try:
            from rich.console import Console
            from rich.table import Table
        except ImportError:
            print(self.table())
            return
        console = Console(emoji=False)
        if not console.is_terminal:
            print(self.table())
            return
        table = Table(caption=self._summary(), caption_justify="left")
        for i, head in enumerate(_HEAD):
            table.add_column(head, justify="left" if i == 0 else "right")
        for row in self.rows():
            table.add_row(*_cells(row))
        console.print(table)

    def trace(self) -> dict[str, Any]:
        """The calls in the trace event format: complete events, times in microseconds."""
        process = os.getpid()
        events = [
            {
                "name": e.kernel, "ph": "X", "ts": e.start * 1e6, "dur": e.seconds * 1e6, "pid": process, "tid": 0,
                "args": {"inputs": list(e.shapes), "flops": e.flops, "bytes": e.bytes, "allocated": e.allocated},
            }
            for e in self.events
        ]  # fmt: skip
        return {"traceEvents": events, "displayTimeUnit": "ms"}

    def save(self, path: "str | os.PathLike[str]") -> None:
        """Write the trace as JSON."""
        Path(path).write_text(json.dumps(self.trace()))


class _TimedKernels:
    """A kernel namespace that times each call. Views move no data and are not counted."""

    def __init__(self, kernels: Kernels, profile: Profile) -> None:
        self._kernels = kernels
        self._profile = profile

    def __getattr__(self, name: str) -> Any:
        kernel = getattr(self._kernels, name)
        if name in VIEWS:
            return kernel

        def call(*args: Any, **attrs: Any) -> Any:
            start = time.perf_counter()
            out = kernel(*args, **attrs)
            self._profile.note(name, start, time.perf_counter(), args, attrs, out)
            return out

        return call


def profile() -> Profile:
    """Profile what runs in a `with` block; see `Profile`.

    >>> import pyengine as pe
    >>> x = pe.ones(2, 3)
    >>> with profile() as p:
    ...     y = x.exp()
    >>> [(row.kernel, row.calls, row.allocated) for row in p.rows()]
    [('exp', 1, 24)]
    """
    return Profile()


READS_A_PART = frozenset({"gather", "index", "take_last"})  # of their first operand: as much as they give
_HEAD = ("kernel", "calls", "ms", "GFLOP/s", "GB/s", "of roof", "MiB new")


def _cells(row: Row) -> tuple[str, ...]:
    rate = f"{row.flops / row.seconds / 1e9:.1f}" if row.flops and row.seconds else "-"
    pace = f"{row.bytes / row.seconds / 1e9:.1f}" if row.seconds else "-"
    new = f"{row.allocated / 2**20:.2f}"
    return row.kernel, str(row.calls), f"{row.seconds * 1e3:.3f}", rate, pace, f"{100 * row.share:.0f} %", new


def _row(kernel: str, events: list[Event], top: Roof) -> Row:
    seconds = sum(e.seconds for e in events)
    share = sum(top.seconds(e.flops, e.bytes, e.dtype) for e in events) / seconds if seconds else 0.0
    flops, moved, new = sum(e.flops for e in events), sum(e.bytes for e in events), sum(e.allocated for e in events)
    return Row(kernel, len(events), seconds, flops, moved, new, share)


def _moved(kernel: str, inputs: list[Array], results: list[Array]) -> int:
    """The bytes that a call must read and write: an element that several operands or a broadcast share counts once."""
    read = list(inputs)
    chosen = 0
    if kernel in READS_A_PART and read:
        chosen = min(sum(a.nbytes for a in results), read.pop(0).nbytes)
    places = sorted(_place(a) for a in (*read, *results) if a.size)
    total, group, begin, end = chosen, 0, 0, 0
    for low, high, nbytes in places:
        if low >= end:
            total, group, begin = total + min(group, end - begin), 0, low
        group, end = group + nbytes, max(end, high)
    return total + min(group, end - begin)


def _place(a: Array) -> tuple[int, int, int]:
    """The first address of an array, the one behind its last, and the bytes of its elements, repeated ones once."""
    low = high = a.__array_interface__["data"][0]
    nbytes = a.itemsize
    for length, stride in zip(a.shape, a.strides, strict=True):
        if stride < 0:
            low += (length - 1) * stride
        high += max((length - 1) * stride, 0)
        nbytes *= length if stride else 1
    return low, high + a.itemsize, nbytes


def _arrays(value: Any) -> list[Array]:
    if isinstance(value, np.ndarray):
        return [value]
    return [a for v in value for a in _arrays(v)] if isinstance(value, list | tuple) else []


def _flops(kernel: str, args: tuple[Any, ...], attrs: dict[str, Any]) -> int:
    """The work of a call by the `cost` of the operation of that name; 0 where there is none that fits."""
    op = OPS.get(kernel)
    if op is None or not all(isinstance(a, np.ndarray) for a in args):
        return 0
    settings = {name: value for name, value in attrs.items() if name not in ("out", "bias", "act")}
    try:
        return op.cost([Spec(a.shape, a.dtype) for a in args], settings)[0]
    except (ValueError, TypeError, KeyError, IndexError):  # the kernel takes other arguments than the operation
        return 0
