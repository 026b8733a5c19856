"""Watching where the time goes: kernel calls by kind, their share of what the machine could do, and a trace."""

import functools
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from . import tape
from ._core import memory_stats
from .backend import Array, Device, Kernels
from .backend import cpu as _cpu
from .ops import OPS, Spec
from .record import VIEWS


class Roof(NamedTuple):
    """What one process got from this machine: the pace of a large matrix product and of a large copy.

    flops  floating-point operations per second of a 1024 × 1024 float32 product
    bytes  bytes per second, read and written, of a copy of 64 MiB
    """

    flops: float
    bytes: float


@functools.cache
def roof() -> Roof:
    """The roof of this process, measured once, in about 0.2 s, with the threads that are set then.

    It is measured with this package's own matmul and copy, so it is a pace that was reached, not the hardware's limit:
    the true peak of multiply-adds lies somewhat higher (`peak_<level>` of the native checks measures it).
    """
    k, n = _cpu.kernels, 1024
    a = k.full((n, n), 1.0, np.dtype(np.float32))
    out = k.full((n, n), 0.0, a.dtype)
    flops = 2 * n**3 / _fastest(lambda: k.matmul(a, a, out=out), 5)
    source = k.full((1 << 23,), 1.0, a.dtype)
    target = k.full((1 << 23,), 0.0, a.dtype)
    return Roof(flops, 2 * source.nbytes / _fastest(lambda: k.copy(source, source.dtype, out=target), 5))


def _fastest(call: Callable[[], Any], repeats: int) -> float:
    """The seconds of the fastest of some calls, after one that warms up."""
    call()
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


class Event(NamedTuple):
    """One kernel call. Times in seconds since the profile began; `allocated` counts the bytes of new results."""

    kernel: str
    start: float
    seconds: float
    flops: int
    bytes: int
    allocated: int
    shapes: tuple[str, ...]


class Row(NamedTuple):
    """All calls of one kernel. `share` is the roof's time for this work over the time that it took; None unknown."""

    kernel: str
    calls: int
    seconds: float
    flops: int
    bytes: int
    allocated: int
    share: float | None


class Profile:
    """The kernel calls within a `with` block, the backward pass and the optimizer's included.

    `print()` shows a table by kernel, `rows()` gives it as data, `events` is every call, and `save(path)` writes a
    trace for chrome://tracing or https://ui.perfetto.dev. Time outside of kernels, in Python, is in no row; the last
    line of the table says how much there was. FLOP are counted by the operation's `cost` where the kernel has the name
    of one, and are 0 for other kernels; bytes are those of the operands and results, each counted once. So the share of
    the roof can be above 1 for arrays that fit into a cache. RuntimeError where a profile or recording runs already.

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
        self._begin = 0.0
        self._namespaces: dict[str, Kernels] = {}

    def __enter__(self) -> "Profile":
        if tape.observer is not None:
            raise RuntimeError("profile: a profile or recording is already running; they do not nest")
        roof()  # before the clock starts
        self._begin = time.perf_counter()
        tape.observer = self._observe
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tape.observer = None
        self.seconds = time.perf_counter() - self._begin

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
        moved = sum({id(a): a.nbytes for a in (*inputs, *results)}.values())
        flops = _flops(kernel, args, attrs)
        shapes = tuple(f"{a.dtype}{list(a.shape)}" for a in inputs)
        self.events.append(Event(kernel, start - self._begin, end - start, flops, moved, fresh, shapes))
        self.peak = max(self.peak, memory_stats()["in_use"])

    def rows(self) -> list[Row]:
        """The calls by kernel, the one that took longest first."""
        kinds: dict[str, list[Event]] = {}
        for event in self.events:
            kinds.setdefault(event.kernel, []).append(event)
        return sorted((_row(kernel, events) for kernel, events in kinds.items()), key=lambda row: -row.seconds)

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
        top = roof()
        times = f"{inside * 1e3:.2f} of {self.seconds * 1e3:.2f} ms in kernels"
        memory = f"at most {self.peak / 2**20:.1f} MiB in use"
        paces = f"{top.flops / 1e9:.0f} GFLOP/s (own matmul), {top.bytes / 1e9:.1f} GB/s (own copy)"
        return f"{times}; {memory}; roof: {paces}"

    def print(self) -> None:
        """Show the table: by rich where a terminal can show it, else plain."""
        try:
            from rich.console import Console
            from rich.table import Table
        except ImportError:
            print(self.table())
            return
        console = Console()
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


_HEAD = ("kernel", "calls", "ms", "GFLOP/s", "GB/s", "of roof", "MiB new")


def _cells(row: Row) -> tuple[str, ...]:
    rate = f"{row.flops / row.seconds / 1e9:.1f}" if row.flops and row.seconds else "-"
    pace = f"{row.bytes / row.seconds / 1e9:.1f}" if row.seconds else "-"
    share = "-" if row.share is None else f"{100 * row.share:.0f} %"
    return row.kernel, str(row.calls), f"{row.seconds * 1e3:.3f}", rate, pace, share, f"{row.allocated / 2**20:.2f}"


def _row(kernel: str, events: list[Event]) -> Row:
    seconds, top = sum(e.seconds for e in events), roof()
    least = sum(max(e.flops / top.flops, e.bytes / top.bytes) for e in events)
    share = least / seconds if seconds else None
    flops, moved, new = sum(e.flops for e in events), sum(e.bytes for e in events), sum(e.allocated for e in events)
    return Row(kernel, len(events), seconds, flops, moved, new, share)


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
