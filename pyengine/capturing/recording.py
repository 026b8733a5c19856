"""A step as it was recorded once: replayed with other inputs."""

import gc
import sys
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import tape
from .._core import Plan, Replay
from ..backend import Array
from ..gpu_memory import load_cupy
from ..memory import is_view
from ..tape import Value, Version, mark_all_written, mark_written
from ..tensor import Tensor
from .arena import Arena
from .draft import Draft
from .guards import Guards
from .passes import GRAPH, PASSES
from .ports import DevicePorts, HostPorts
from .recorder import CaptureError, Recorder, address
from .structure import replaced, tensors_in
from .trace import Trace, View, difference


class Recording:
    """What a recorder noted, ready to be replayed.

    recorder   after the step has run
    inputs     the tensors that the step was given: copies of the caller's
    result     what the step returned: tensors in lists, tuples and dicts
    arguments  all that the step was given, by position; None where something was given by name
    tracking   whether operations were tracked for gradients

    replay() gives the results of later calls; that of this one is the caller's.
    """

    def __init__(
        self,
        recorder: Recorder,
        inputs: Sequence[Tensor],
        result: Any,
        arguments: tuple[Any, ...] | None = None,
        tracking: bool = True,
    ) -> None:
        self.plan = Plan([call.kept for call in recorder.calls])
        self.trace = Trace(recorder, self.plan, [tensor.data for tensor in inputs])
        self.guards: Guards = recorder.guards
        self.guards.add_hooks(recorder.leaves.values())
        self.tracking = tracking
        self._arguments = arguments
        self._inputs = list(inputs)
        self._renewals = recorder.renewals
        made = {address(array): i for i, array in enumerate(recorder.made)}
        self._homes = {made[address(leaf.grad.data)]: leaf for leaf in recorder.leaves.values() if _is_new(leaf, made)}
        for leaf in self._homes.values():
            leaf.grad = settled_gradient(leaf)
        self._gradients: list[tuple[Value, Any]] = [(leaf, leaf.grad) for leaf in recorder.leaves.values()]
        changed = [tensor for tensor in recorder.changed.values() if address(tensor.data) not in made]
        changed += [homes[id(leaf)] for leaf in self._homes.values()]
        self._written: list[Version] = [tensor.version for tensor in changed if tensor.version is not None]
        self._made = recorder.made
        self._module = recorder.module_alone()
        self._outputs: list[Array] = [tensor.data for tensor in tensors_in(result)]
        self.outputs: list[View] = [self.trace.view_of(array) for array in self._outputs]
        self._shape = replaced(result, lambda tensor: wrapped(_NOTHING, tensor))
        self.arena: Arena | None = None
        self._ports: Replay | DevicePorts  # once settled, as is
        self.match: Callable[[tuple[Any, ...]], Sequence[Tensor] | None]  # the tensors in a call that plainly fits

    def difference(self, other: "Recording") -> str:
        """In words, what another run of the step did otherwise; empty where it did the same."""
        if self.outputs != other.outputs:
            return "it returned other tensors"
        if len(self._renewals) != len(other._renewals):
            return "it drew random numbers, or used settings of an optimizer, another number of times"
        return difference(self.trace, other.trace)

    def forget(self) -> None:
        """Let go of everything but what `difference` needs: this recording will not be replayed."""
        self.trace.forget_arrays()
        self.trace.forget_calls()
        self.plan = Plan([])
        self._made, self._outputs, self._inputs = [], [], []

    def settle(self, passes: Sequence[str] = (*PASSES, GRAPH)) -> None:
        """Run the passes over the calls, then move gradients of leaves to where they are at home, all other results
        into one block; let go of their arrays.

        Call it when nothing of the step's own Python is left. On a GPU they stay where they are. CaptureError where
        something else holds a result: no replay would give it another.
        """
        self.trace.forget_arrays()
        inputs = [tensor.data for tensor in self._inputs]
        if any(not isinstance(array, np.ndarray) for array in (*self._made, *inputs, *self.trace.outside)):
            kernels = [tensor.device.kernels for tensor in tensors_in(self._shape)]
            results = list(zip(kernels, self._outputs, strict=True))
            all_there = self._module is not None and self._module is sys.modules.get("pyengine._cuda")
            cupy = load_cupy() if GRAPH in passes and all_there else None
            self._ports = DevicePorts(self.plan, self._inputs, results, cupy)
            self.match = self._ports.match
            return
        dtypes = [array.dtype for array in self._outputs]
        self._outputs = [a for a, view in zip(self._outputs, self.outputs, strict=True) if view.kind != "made"]
        kept = iter(self._outputs)
        made, self._made = self._made, []
        held = set(self._homes)
        self._check_unheld(made, held)
        draft = Draft(self.trace, self.outputs, made, held, self._module)
        for name, run in PASSES.items():
            if name in passes:
                run(draft)
        self.trace.calls, self.outputs = draft.calls, draft.outputs
        self.plan = Plan([call.kept for call in draft.calls])
        ports = HostPorts(self.plan, self.trace, inputs, self.outputs, made, held)
        for index, leaf in self._homes.items():
            self.plan.move(address(made[index]), made[index].nbytes, address(homes[id(leaf)].data))
        arena = self.arena = Arena(self.trace, self.outputs, made, held)
        for index in arena.places:
            self.plan.move(address(made[index]), made[index].nbytes, arena.target(index))
        self._outputs = [
            self._settled(view, dtype, arena) if view.kind == "made" else next(kept)
            for view, dtype in zip(self.outputs, dtypes, strict=True)
        ]
        held_arrays = [homes[id(leaf)].data for leaf in self._homes.values()]
        self._ports = ports.replay(self._arguments, self._outputs, [*held_arrays, arena.block])
        self.match = self._ports.match

    def _settled(self, view: View, dtype: np.dtype, arena: Arena) -> Array:
        """Where a result lies that calls made."""
        if view.number in arena.places:
            return arena.array(view, dtype)
        if view.number in self._homes:
            return _part(homes[id(self._homes[view.number])].data, view, dtype)
        return np.empty(view.shape, dtype)  # it has no elements

    def _check_unheld(self, made: list[Array], held: set[int]) -> None:
        def kept() -> list[int]:
            count = range(len(made))
            return [i for i in count if i not in held and sys.getrefcount(made[i]) > 2]  # the list, the call

        if kept():
            gc.collect()  # it may be garbage
        for i in kept():
            call = self.trace.maker(i)
            raise CaptureError(
                f"capture: something holds the result of {call.kernel} ({call.line}) when the step is done, but no "
                f"replay could give it another; return it from the step, and pass it on as an argument"
            )

    def replay(self, inputs: Sequence[Tensor]) -> Any:
        """Do what the step does, with these inputs: of the shapes, dtypes and devices of those at the recording."""
        for _, renew in self._renewals:
            renew()
        try:
            arrays = self._ports.run(inputs)
        except Exception as error:
            call = getattr(error, "call", None)
            if call is not None:
                error.add_note(f"in {self.trace.calls[call].line}, replayed")
            raise
        for leaf, gradient in self._gradients:
            leaf.grad = gradient
        mark_all_written(self._written)
        if self._shape.__class__ is Tensor:  # the usual result
            return tape.wrap(arrays[0], self._shape.device)
        left = iter(arrays)
        return replaced(self._shape, lambda tensor: wrapped(next(left), tensor))

    def fill(self, inputs: Sequence[Tensor]) -> None:
        """Copy these into the recording's own inputs, on which its plan works between replays."""
        given, expected = ([(t.shape, t.dtype) for t in tensors] for tensors in (inputs, self._inputs))
        if given != expected:
            raise ValueError(f"the step was recorded with {_listed(expected)}, not {_listed(given)}")
        for own, tensor in zip(self._inputs, inputs, strict=True):
            own.device.kernels.copy(tensor.data, own.dtype, out=own.data)


def _listed(tensors: list[tuple[tuple[int, ...], np.dtype]]) -> str:
    return ", ".join(f"{dtype}{list(shape)}" for shape, dtype in tensors) or "no tensors"


_NOTHING = np.empty(0, np.float32)


# Where a leaf's gradient lies after a captured step, whichever recording made it: what uses gradients, such as a
# captured step of an optimizer, then finds them at one place.
homes: dict[int, Tensor] = {}  # by the id of the leaf, as tensors compare by element


def settled_gradient(leaf: Value) -> Tensor:
    """The leaf's gradient, copied to its home."""
    gradient: Tensor = leaf.grad
    home = homes.get(id(leaf))
    if home is None:
        weakref.finalize(leaf, homes.pop, id(leaf), None)
    if home is None or home.data.shape != gradient.data.shape or home.data.dtype != gradient.data.dtype:
        homes[id(leaf)] = home = _copy(gradient, gradient.data)
    else:
        gradient.device.kernels.copy(gradient.data, gradient.data.dtype, out=home.data)
    mark_written(home)
    return home


def _is_new(leaf: Value, made: dict[int, int]) -> bool:
    """Whether the step itself made the leaf's gradient, in an array of its own."""
    if leaf.grad is None:
        return False
    array = leaf.grad.data
    owned = isinstance(array, np.ndarray) and not is_view(array) and array.flags.c_contiguous
    return owned and address(array) in made


def _part(array: Array, view: View, dtype: np.dtype) -> Array:
    """The array that a view of a result's memory describes."""
    found: Array = np.ndarray(view.shape, dtype, array, view.offset, view.strides)
    return found


def wrapped(array: Array, like: Tensor) -> Tensor:
    """A tensor without history on the device of another."""
    out: Tensor = tape.wrap(array, like.device)
    return out


def detached(result: Any) -> Any:
    """What a step returned, its tensors copied and without history."""
    return replaced(result, lambda tensor: _copy(tensor, tensor.data))


def _copy(like: Tensor, array: Array) -> Tensor:
    return wrapped(like.device.kernels.copy(array, array.dtype), like)
