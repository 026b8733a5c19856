"""Watching a step from below: the list of kernel calls that it makes."""

from collections.abc import Callable
from typing import Any, NamedTuple

from . import tape
from .backend import Device, Kernels
from .memory import is_array

VIEWS = frozenset({"permute", "expand", "getitem", "reshape", "scalar"})


class Call(NamedTuple):
    """One kernel call: what went in and came out, as `float32[64, 10]`, and the attributes."""

    kernel: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attrs: dict[str, Any]

    def __str__(self) -> str:
        attrs = "".join(f", {key}={value}" for key, value in self.attrs.items() if value is not None)
        outputs = " -> " + ", ".join(self.outputs) if self.outputs else ""
        return f"{self.kernel}({', '.join(self.inputs)}{attrs}){outputs}"


class Recording:
    """The kernel calls of a step, in order. Printing it lists them, views left out unless asked for."""

    def __init__(self, calls: list[Call], result: Any) -> None:
        self.calls = calls
        self.result = result

    def print(self, views: bool = False) -> None:
        """List the calls, one a line."""
        print(self.table(views))

    def table(self, views: bool = False) -> str:
        """The list that `print` prints."""
        shown = [call for call in self.calls if views or call.kernel not in VIEWS]
        return "\n".join(f"{i:3}  {call}" for i, call in enumerate(shown))

    def __str__(self) -> str:
        return self.table()

    def __len__(self) -> int:
        return len(self.calls)


def _describe(value: Any) -> str:
    if is_array(value):
        return f"{value.dtype}{list(value.shape)}"
    if isinstance(value, list | tuple) and value and all(is_array(v) for v in value):
        return "[" + ", ".join(_describe(v) for v in value) + "]"
    return str(value)


class WatchedKernels:
    """A kernel namespace that runs each call and then tells note(name, args, attrs, result)."""

    def __init__(self, kernels: Kernels, note: Callable[[str, tuple[Any, ...], dict[str, Any], Any], None]) -> None:
        self._kernels = kernels
        self._note = note

    def __getattr__(self, name: str) -> Callable[..., Any]:
        kernel = getattr(self._kernels, name)

        def call(*args: Any, **attrs: Any) -> Any:
            result = kernel(*args, **attrs)
            self._note(name, args, attrs, result)
            return result

        return call


def record(step: Callable[[], Any]) -> Recording:
    """Run `step` once and note every kernel call, the backward pass and the optimizer's included.

    RuntimeError inside another recording.

    >>> import pyengine as pe
    >>> x = pe.ones(2, 3)
    >>> record(lambda: (x + x).sum()).print()
      0  add(float32[2, 3], float32[2, 3]) -> float32[2, 3]
      1  sum(float32[2, 3], keepdims=False) -> float32[]
    """
    calls: list[Call] = []
    namespaces: dict[str, Kernels] = {}

    def note(name: str, args: tuple[Any, ...], attrs: dict[str, Any], result: Any) -> None:
        outputs = result if isinstance(result, tuple) else () if result is None else (result,)
        shown = {key: _describe(value) for key, value in attrs.items() if value is not None and key != "out"}
        made = tuple(_describe(output) for output in outputs if output is not None)
        calls.append(Call(name, tuple(map(_describe, args)), made, shown))

    def observe(device: Device) -> Kernels:
        if device.name not in namespaces:
            namespaces[device.name] = WatchedKernels(device.kernels, note)
        return namespaces[device.name]

    if tape.observer is not None:
        raise RuntimeError("record: a recording is already running; recordings do not nest")
    tape.observer = observe
    try:
        result = step()
    finally:
        tape.observer = None
    return Recording(calls, result)
