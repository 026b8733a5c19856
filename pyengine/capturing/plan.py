"""Looking at a captured step: its calls with their cost, its memory as a picture, its values call by call."""

import contextlib
import ctypes
import math
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import dtypes
from ..backend import Array
from ..ops import OPS, Spec
from ..roof import Roof, roof
from ..tensor import Tensor
from .arena import Arena
from .draft import reach
from .drawing import draw_arena
from .recorder import CaptureError
from .recording import Recording
from .trace import Operand, TracedCall

ROUNDS = 5  # timed runs, of which the quickest counts for each call


class Cost(NamedTuple):
    """A call: its work in floating-point operations and bytes, its seconds, and its share of what the roof allows."""

    call: TracedCall
    flops: int
    bytes: int
    seconds: float
    share: float


class Step(NamedTuple):
    """A call that has just run: what it read, and what it wrote or overwrote, as arrays that share its memory."""

    call: TracedCall
    read: list[Array]
    written: list[Array]


class CapturedPlan:
    """The kernel calls of a captured step, in order; `captured.plan` gives that of the recording used last.

    >>> import pyengine as pe
    >>> step = pe.capture(lambda x: (x * 2).relu().sum(), passes=())  # as it was recorded, nothing fused
    >>> for _ in range(3):
    ...     y = step(pe.tensor([1.0, -1.0]))
    >>> print(step.plan)
      0  mul(float32[2], float32[]) -> float32[2]
      1  relu(float32[2]) -> float32[2]
      2  sum(float32[2], axis=None, keepdims=False) -> float32[]
    """

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def __len__(self) -> int:
        return len(self._recording.trace.calls)

    def __str__(self) -> str:
        return "\n".join(f"{i:3}  {shown(call)}" for i, call in enumerate(self._recording.trace.calls))

    @property
    def arena(self) -> Arena | None:
        """Where results lie; None on a GPU."""
        return self._recording.arena

    def costs(self) -> list[Cost]:
        """What each call costs: the quickest of a few runs, which leave no trace in weights, state and gradients.

        FLOP are counted by the operation's `cost` where the kernel has the name of one, and are 0 for other kernels;
        bytes are those of its arrays, an element that is repeated once. `share` is the least time that the roof of this
        processor allows for that work over the time that it took.
        """
        top = roof()
        with self._restored():
            times = np.min([self._recording.plan.run_timed() for _ in range(ROUNDS)], axis=0)
        rows = zip(self._recording.trace.calls, times.tolist(), strict=True)
        return [_cost(call, seconds, top) for call, seconds in rows]

    def table(self) -> str:
        """What `print` prints."""
        costs = self.costs()
        head = ("", "kernel", "shapes", "MFLOP", "KiB", "µs", "of roof")
        rows = [head, *(_cells(i, cost) for i, cost in enumerate(costs))]
        widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
        lines = ["  ".join(_aligned(row, widths)) for row in rows]
        total = sum(cost.seconds for cost in costs)
        lines.append(f"{len(costs)} calls, {total * 1e6:.1f} µs in kernels; {self._memory()}")
        return "\n".join(line.rstrip() for line in lines)

    def _memory(self) -> str:
        if self.arena is None:
            return "results keep their memory"
        return f"results in {self.arena.nbytes / 1024:.1f} KiB, {self.arena.unshared / 1024:.1f} without sharing"

    def print(self) -> None:
        """List the calls with shapes, floating-point operations, bytes, time and share of the roof."""
        print(self.table())

    def draw(self, path: "str | PathLike[str] | None" = None) -> str:
        """The arena over time as an SVG, one column a call, each result a box from its writing to its last use.

        Written to `path` where one is given. CaptureError on a GPU, where there is no arena.
        """
        if self.arena is None:
            raise CaptureError("draw: on a GPU results keep their memory; there is no arena to draw")
        drawn = draw_arena(self.arena, self._recording.trace)
        if path is not None:
            Path(path).write_text(drawn)
        return drawn

    def step(self, *inputs: Tensor) -> Iterator[Step]:
        """Run call by call; each call with the values that it read and wrote.

        inputs  the tensors that the step is to be given; without any, those that it was recorded with
        Weights, state and gradients are as before when the iteration ends. ValueError for tensors of other shapes or
        dtypes, CaptureError on a GPU.

        >>> import pyengine as pe
        >>> double = pe.capture(lambda x: x * 2)
        >>> for _ in range(3):
        ...     y = double(pe.tensor([1.0, 3.0]))
        >>> [(done.call.kernel, done.written[0].tolist()) for done in double.plan.step(pe.tensor([5.0, 6.0]))]
        [('mul', [10.0, 12.0])]
        """
        if self.arena is None:
            raise CaptureError("step: on a GPU results cannot be looked at one by one")
        if inputs:
            self._recording.fill(inputs)
        with self._restored():
            for i, call in enumerate(self._recording.trace.calls):
                views = self._recording.plan.views(i)
                self._recording.plan.run(i, i + 1)
                read, written = ([_array(v) for v in views if (v[0] == "read") is which] for which in (True, False))
                yield Step(call, read, written)

    @contextlib.contextmanager
    def _restored(self) -> Iterator[None]:
        """What lies outside of the arena and is written by the calls is afterwards as it was before."""
        if self.arena is None:
            raise CaptureError("the calls of a step on a GPU can be listed, but not run one by one")
        written: dict[Any, Array] = {}
        for i, call in enumerate(self._recording.trace.calls):
            for operand, view in zip(call.operands, self._recording.plan.views(i), strict=True):
                placed = operand.view.kind == "made" and operand.view.number in self.arena.places
                if operand.access != "read" and not placed:
                    written[view[1:]] = _array(view)
        saved = [(array, array.copy()) for array in written.values()]
        try:
            yield
        finally:
            for array, copy in saved:
                array[...] = copy


def _aligned(row: tuple[str, ...], widths: list[int]) -> Iterator[str]:
    """Kernel and shapes to the left, figures to the right."""
    for i, (cell, width) in enumerate(zip(row, widths, strict=True)):
        yield cell.ljust(width) if i in (1, 2) else cell.rjust(width)


def shown(call: TracedCall) -> str:
    """A call as a line: what goes in, settings, what comes out."""
    read, written = _sides(call)
    settings = f", {call.settings}" if call.settings else ""
    out = " -> " + ", ".join(written) if written else ""
    return f"{call.kernel}({', '.join(read)}{settings}){out}"


def _sides(call: TracedCall) -> tuple[list[str], list[str]]:
    read = [str(operand.view) for operand in call.operands if operand.access != "write"]
    return read, [str(operand.view) for operand in call.operands if operand.access == "write"]


def _cells(number: int, cost: Cost) -> tuple[str, ...]:
    read, written = _sides(cost.call)
    shapes = ", ".join(read[:3]) + (f" and {len(read) - 3} more" if len(read) > 3 else "")
    shapes += " -> " + ", ".join(written) if written else ""
    flops = f"{cost.flops / 1e6:.3f}" if cost.flops else "-"
    times = f"{cost.bytes / 1024:.1f}", f"{cost.seconds * 1e6:.2f}", f"{100 * cost.share:.0f} %"
    name = f"fused of {len(cost.call.parts)}" if cost.call.parts else cost.call.kernel
    return str(number), name, shapes.replace("float32", "f32").replace("float64", "f64"), flops, *times


def _cost(call: TracedCall, seconds: float, top: Roof) -> Cost:
    flops = _flops(call)
    nbytes = sum(_bytes(operand) for operand in call.operands)
    dtype = np.dtype(np.float64 if any(o.view.dtype == "float64" for o in call.operands) else np.float32)
    return Cost(call, flops, nbytes, seconds, top.seconds(flops, nbytes, dtype) / seconds if seconds else 0.0)


def _bytes(operand: Operand) -> int:
    view = operand.view
    elements = math.prod(n for n, stride in zip(view.shape, view.strides, strict=True) if stride)
    return elements * dtypes.check(view.dtype).itemsize * (2 if operand.access == "update" else 1)


def _flops(call: TracedCall) -> int:
    """The work by the `cost` of the operation of that name; 0 where there is none that fits."""
    if call.parts:
        return sum(map(_flops, call.parts))
    op = OPS.get(call.kernel)
    if op is None:
        return 0
    specs = [Spec(o.view.shape, dtypes.check(o.view.dtype)) for o in call.operands[: call.inputs]]
    try:
        return op.cost(specs, dict(call.attrs))[0]
    except (ValueError, TypeError, KeyError, IndexError):  # the kernel takes other arguments than the operation
        return 0


def _array(view: tuple[str, int, str, tuple[int, ...], tuple[int, ...]]) -> Array:
    """The memory of a view of a native plan as an array, good for as long as its owner lives."""
    _, start, dtype, shape, strides = view
    kind = dtypes.check(dtype)
    low, high = reach(shape, strides)
    memory: Any = (ctypes.c_char * (high - low + kind.itemsize)).from_address(start + low)
    found: Array = np.ndarray(shape, kind, memory, -low, strides)
    return found
