"""What a step does, noted while it runs: the native calls, and all that a replay must know besides."""

import importlib
from collections.abc import Callable, Iterable, Sequence
from threading import get_ident
from types import ModuleType, TracebackType
from typing import Any, NamedTuple

import numpy as np

from .. import tape
from ..backend import Array, Device, Kernels, keeping_kernels
from ..memory import is_array
from ..tape import Value, user_line
from .guards import Guards


class CaptureError(RuntimeError):
    """A step that cannot be recorded, or whose recording would not do what the step does."""


class Call(NamedTuple):
    """One native call: the kernel, what it was given besides arrays, the user's line, and the parsed call itself.

    settings  all of it as text; attrs what was given by name; inputs how many arrays were not
    """

    kernel: str
    settings: str
    attrs: tuple[tuple[str, Any], ...]
    inputs: int
    line: str
    kept: object


class Recorder:
    """Notes what this thread does in a `with` block. `watched` says that a hook looked at a gradient meanwhile: then
    Python must run, this time, and nothing is refused.

    fallback  whether a step that cannot be recorded runs on to its end, the reason being left in `failure`; otherwise
              CaptureError is raised where it happens
    leaves    tensors whose gradients an earlier run used: of these it is noticed when the step assigns None to `grad`
    RuntimeError while something else watches the kernels.
    """

    def __init__(self, fallback: bool = False, leaves: Iterable[Value] = ()) -> None:
        self.fallback = fallback
        self.failure: CaptureError | None = None
        self.watched = False
        self.calls: list[Call] = []
        self.made: list[Array] = []  # new results, in order
        self.given: dict[int, Array] = {}  # other arrays that calls worked on, by address; keeps addresses unique
        self.renewals: list[tuple[Array, Callable[[], Any]]] = []
        self.guards = Guards()
        self.leaves: dict[int, Value] = {}  # those whose gradient the step reads or sets
        self.changed: dict[int, Value] = {}  # tensors that were written in place
        self._had_gradient = {id(leaf) for leaf in leaves if leaf.grad is not None}
        self._thread = get_ident()
        self._kernels: dict[str, Kernels] = {}
        self._modules: set[str] = set()  # of native kernels

    def __enter__(self) -> "Recorder":
        if tape.observer is not None or tape.recorder is not None:
            raise RuntimeError("capture: a profile or recording is running already; they do not nest")
        tape.observer, tape.recorder = self._observe, self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tape.observer, tape.recorder = None, None
        self._kernels.clear()  # they hold the recorder, and it all arrays

    def refuse(self, reason: str) -> None:
        """The step cannot be recorded."""
        if self.watched:
            return
        error = CaptureError(f"capture: {reason}")
        error.add_note(f"in {user_line()}")
        if not self.fallback:
            raise error
        self.failure = self.failure or error

    def module_alone(self) -> ModuleType | None:
        """The native module that made all calls; None where there were several, or no call."""
        if len(self._modules) != 1:
            return None
        return importlib.import_module(f"pyengine.{next(iter(self._modules))}")

    # --- kernels

    def _observe(self, device: Device) -> Kernels:
        if get_ident() != self._thread:  # a loader's, say
            return device.kernels
        if device.name not in self._kernels:
            if device.module is None:
                self.refuse(f"the device {device} is the kernels' definition in Python; there is nothing to replay")
                return device.kernels
            self._modules.add(device.module)
            self._kernels[device.name] = kernels = keeping_kernels(device, self._keep)
            kernels.nonzero = self._nonzero(kernels.nonzero)
        return self._kernels[device.name]

    def _keep(self, name: str, keeper: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **attrs: Any) -> Any:
            result, kept = keeper(*args, **attrs)
            self._note(name, args, attrs, result, kept)
            return result

        return call

    def _note(self, name: str, args: tuple[Any, ...], attrs: dict[str, Any], result: Any, kept: object) -> None:
        settings = [_shown(value) for value in args if not _has_arrays(value)]
        settings += [f"{key}={_shown(value)}" for key, value in attrs.items() if not _has_arrays(value)]
        for array in (a for value in (*args, *attrs.values()) for a in _arrays(value)):
            self.given.setdefault(address(array), array)
        if "out" not in attrs:
            self.made += _arrays(result)
        named = tuple((key, value) for key, value in attrs.items() if key not in _EXTRAS and not _has_arrays(value))
        self.calls.append(Call(name, ", ".join(settings), named, len(_arrays(args)), user_line(), kept))

    def _nonzero(self, nonzero: Callable[..., Any]) -> Callable[..., Any]:
        def find(mask: Array) -> Any:
            self.refuse(
                "a boolean mask selects as many elements as its data says, which a replay could not know; "
                "use pe.where, or multiply by the mask"
            )
            return nonzero(mask)

        return find

    # --- what the tape, modules, optimizers and generators tell

    def renewed(self, array: Array, renew: Callable[[], Any]) -> None:
        """`array` holds what the host knows; before each replay `renew()` writes the value of then into it."""
        if get_ident() == self._thread:
            self.renewals.append((array, renew))
            self.given[address(array)] = array

    def reads(self, what: str) -> None:
        """The host looks at data of a tensor, by `what`: a replay could not."""
        if get_ident() == self._thread:
            self.refuse(
                f"{what} looks at the data of a tensor inside of the step, which a replay could not do; return the "
                f"tensor from the step and look at it outside"
            )

    def grad_read(self, leaf: Value) -> None:
        """The step depends on what the leaf's gradient is."""
        if get_ident() == self._thread and id(leaf) not in self.leaves:
            self.leaves[id(leaf)] = leaf
            if leaf.grad is not None or id(leaf) not in self._had_gradient:
                self.guards.add_gradient(leaf)
            self.guards.add_tensors([leaf])

    def grad_dropped(self, leaf: Value) -> None:
        """The leaf's gradient was set to None, whatever it was."""
        if get_ident() == self._thread:
            self.leaves.setdefault(id(leaf), leaf)

    def hooked(self) -> None:
        """A hook looks at a gradient, in Python."""
        if get_ident() == self._thread:
            self.watched = True

    def written(self, tensor: Value) -> None:
        """The tensor's memory was written in place."""
        if get_ident() == self._thread:
            self.changed[id(tensor)] = tensor

    def module(self, module: Any) -> None:
        """A module was called: its attributes and mode must be the same in a replay."""
        if get_ident() != self._thread:
            return
        if module._hooks is not None:
            self.refuse(f"the hooks of a {type(module).__name__} run Python, which a replay does not; remove them")
        self.guards.add_module(module)

    def uses(self, tensors: Sequence[Value]) -> None:
        """The step works on the memory that these tensors have now."""
        if get_ident() == self._thread:
            self.guards.add_tensors(tensors)

    def same(self, what: str, source: Any) -> None:
        """The step depends on the objects in a dict, list or tuple, or in that which the function `source` returns."""
        if get_ident() == self._thread:
            self.guards.add(what, source)


_EXTRAS = ("out", "bias", "act")  # what kernels take beyond the attributes of the operation


def address(array: Array) -> int:
    """Where the first element lies."""
    if isinstance(array, np.ndarray):
        return array.ctypes.data
    found: int = array.data.ptr  # CuPy's
    return found


def _arrays(value: Any) -> list[Array]:
    if is_array(value):
        return [value]
    return [a for v in value for a in _arrays(v)] if isinstance(value, list | tuple) else []


def _has_arrays(value: Any) -> bool:
    return is_array(value) or (isinstance(value, list | tuple) and any(is_array(v) for v in value))


def _shown(value: Any) -> str:
    return repr(value)
