"""Where the arguments of a recorded step enter a replay, and where its results leave it."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._core import Plan, Replay, Slot
from ..backend import Array, Kernels
from ..tensor import Tensor
from .graph import launcher
from .recorder import address
from .trace import Trace, View


class HostPorts:
    """Arguments and results as slots of the plan: memory that lies elsewhere in each replay, so that nothing is copied.

    An argument has a slot where the step only reads it and does not return it; a result where it is the whole array
    that a call made, and the only result there. Others are copied.

    inputs   the arrays at the recording, before any memory is moved
    results  what the step returns, as views
    made     the arrays that calls made; those in `held` stay in use when the step is done
    """

    def __init__(
        self,
        plan: Plan,
        trace: Trace,
        inputs: Sequence[Array],
        results: Sequence[View],
        made: Sequence[Array],
        held: set[int],
    ) -> None:
        self._plan, self._trace, self._inputs = plan, trace, inputs
        fixed = written(trace, "input") | {view.number for view in results if view.kind == "input"}
        self._in = [None if i in fixed else self._slot(array) for i, array in enumerate(inputs)]
        returned = Counter(view.number for view in results if view.kind == "made")
        self._out = [
            self._slot(made[view.number])
            if view.kind == "made" and view.number not in held
            and returned[view.number] == 1 and is_whole(view, made[view.number])
            else None
            for view in results
        ]  # fmt: skip

    def _slot(self, array: Array) -> Slot:
        return Slot(self._plan, address(array), array.nbytes)

    def replay(self, arguments: tuple[Any, ...] | None, results: Sequence[Array], own: Sequence[Array]) -> Replay:
        """What replays the plan now that memory was moved: the results lie in these arrays, all that calls made in
        `own`."""
        outside = [self._trace.outside[i] for i in written(self._trace, "outside")]
        return Replay(
            self._plan,
            arguments,
            list(zip(self._inputs, self._in, strict=True)),
            list(zip(results, self._out, strict=True)),
            [extent(array) for array in (*own, *outside)],
        )


class DevicePorts:
    """Arguments that are copied in and results that are copied out, each by the kernels of its device: on a GPU.

    cupy  makes the calls between a CUDA graph (graph.py), when they run for the first time; None: they are launched one
          by one
    """

    def __init__(
        self, plan: Plan, inputs: Sequence[Tensor], results: Sequence[tuple[Kernels, Array]], cupy: Any = None
    ) -> None:
        self._plan, self._inputs, self._results, self._cupy = plan, inputs, results, cupy
        self._launch: Callable[[], Any] | None = None if cupy is not None else plan.run

    def match(self, args: tuple[Any, ...]) -> None:
        """As `Replay.match`; here never the quick way."""
        return

    def run(self, tensors: Sequence[Tensor]) -> list[Array]:
        """As `Replay.run`."""
        for own, given in zip(self._inputs, tensors, strict=True):
            own.device.kernels.copy(given.data, own.data.dtype, out=own.data)
        if self._launch is None:
            self._launch = launcher(self._plan, self._cupy)
        self._launch()
        return [kernels.copy(array, array.dtype) for kernels, array in self._results]


def is_whole(view: View, array: Array) -> bool:
    """Whether a view is all of an array, in the same order."""
    return view[2:] == (0, array.dtype.name, array.shape, array.strides)


def written(trace: Trace, kind: str) -> set[int]:
    """The numbers of the memory of that kind that calls of the step write."""
    operands = (operand for call in trace.calls for operand in call.operands if operand.access != "read")
    return {operand.view.number for operand in operands if operand.view.kind == kind}


def extent(array: Array) -> tuple[int, int]:
    """The address and the number of bytes of all that an array walks over.

    >>> column = np.zeros((3, 4), np.float32)[:, 1]
    >>> extent(column)[1]
    36
    """
    low, high = np.lib.array_utils.byte_bounds(array)
    return low, high - low
