"""Devices: where arrays live and which kernels work on them.

A `Device` carries `kernels`, the namespace `k` that every operation receives as its first argument: the kernels of
csrc/kernels.h (native, or their NumPy definitions on the device "numpy") and the views below, which move no data.
Nothing falls back silently: a device that cannot be had raises and says what is missing.
"""

import importlib
import os
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any, TypeAlias

import numpy as np

from .kernel_names import KERNEL_NAMES

try:
    from ._core import empty as pool_array
    from ._core import isa_level as processor_level
except ImportError as error:
    if error.name != "pyengine._core":  # the module's own words, on a PYENGINE_NUM_THREADS that makes no sense
        raise
    _what = "is missing" if isinstance(error, ModuleNotFoundError) else f"cannot be used ({error})"
    raise ImportError(
        f"the native module pyengine._core {_what}: install the package with `pip install .`, "
        f"or build it into this checkout as CONTRIBUTING.md says"
    ) from error

Array: TypeAlias = np.ndarray[Any, Any]
Kernels: TypeAlias = Any  # a namespace: native kernels, reference kernels, a recorder's, or ops on tensors

ISA_LEVELS = ("v2", "v3", "v4")


class Device:
    """A place to compute, by name: "cpu" (native kernels) or "numpy" (the reference)."""

    __slots__ = ("kernels", "name")

    def __init__(self, name: str, kernels: Kernels) -> None:
        self.name = name
        self.kernels = kernels

    @property
    def type(self) -> str:
        """The name: devices of one name are one device here."""
        return self.name

    def __reduce__(self) -> Any:
        return device, (self.name,)  # copying or unpickling a tensor finds this very device again

    def __repr__(self) -> str:
        return f"device({self.name!r})"

    def __str__(self) -> str:
        return self.name


# Views: other ways to walk the same memory. An operation calls them through `k` like a kernel, so that a recorder sees
# them and so that under create_graph they become differentiable operations.


def permute(a: Array, axes: tuple[int, ...]) -> Array:
    """The axes in another order."""
    return a.transpose(axes)


def expand(a: Array, shape: tuple[int, ...]) -> Array:
    """Axes of length 1, and new leading ones, repeated."""
    return np.broadcast_to(a, shape)


def getitem(a: Array, index: tuple[Any, ...]) -> Array:
    """The part that an encoded index selects, always as a view."""
    decoded = decode_index(index)
    out = a[decoded]
    return out if isinstance(out, np.ndarray) else a[(*decoded, ...)]  # a view, not NumPy's scalar copy


def nonzero(mask: Array) -> tuple[Array, ...]:
    """Where `mask` is true: for each axis the positions along it. Waits for the data, as the shape depends on it."""
    return tuple(np.ascontiguousarray(positions, np.int64) for positions in np.nonzero(mask))


def scalar(value: float, dtype: np.dtype) -> Array:
    """A constant of an operation, as an array without axes."""
    return np.asarray(value, dtype)


_ones: dict[tuple[str, np.dtype], Array] = {}


def one(on: "Device", dtype: np.dtype) -> Array:
    """The 1 that backward() starts from: always the same array, by which is_one knows it, and not to be written to."""
    key = (on.name, dtype)
    if key not in _ones:
        _ones[key] = on.kernels.full((), 1.0, dtype)
        _ones[key].setflags(write=False)
    return _ones[key]


def is_one(a: Any) -> bool:
    """Whether this is the array of one(): says nothing about values, so that it can be asked while recording."""
    return any(a is known for known in _ones.values())


def encode_index(index: tuple[Any, ...]) -> tuple[Any, ...]:
    """An index of ints, slices, None and Ellipsis as something hashable, as attributes of an operation must be."""
    return tuple(("slice", i.start, i.stop, i.step) if isinstance(i, slice) else i for i in index)


def decode_index(index: tuple[Any, ...]) -> tuple[Any, ...]:
    """The index that `encode_index` was given."""
    return tuple(slice(*i[1:]) if isinstance(i, tuple) else i for i in index)


def _reshape_with(copy: Any) -> Any:
    def reshape(a: Array, shape: tuple[int, ...]) -> Array:
        if a.flags.c_contiguous:
            return a.reshape(shape)
        try:
            return np.reshape(a, shape, copy=False)
        except ValueError:  # no strides walk this memory in the new shape
            return copy(a, a.dtype).reshape(shape)

    return reshape


def _pad_with(copy: Any, full: Any) -> Any:
    def pad(a: Array, index: tuple[Any, ...], shape: tuple[int, ...], value: float) -> Array:
        out: Array = full(shape, value, a.dtype)
        copy(a, a.dtype, out=getitem(out, index))
        return out

    return pad


def _getitem_backward_with(copy: Any, full: Any) -> Any:
    pad = _pad_with(copy, full)

    def getitem_backward(grad: Array, index: tuple[Any, ...], shape: tuple[int, ...]) -> Array:
        return pad(grad, index, shape, 0.0)

    return getitem_backward


def _setitem_with(copy: Any) -> Any:
    def setitem(a: Array, value: Array, index: tuple[Any, ...]) -> Array:
        out: Array = copy(a, a.dtype)
        copy(value, a.dtype, out=getitem(out, index))
        return out

    return setitem


def _namespace(kernels: dict[str, Any]) -> Kernels:
    copy, full = kernels["copy"], kernels["full"]
    return SimpleNamespace(
        **kernels,
        permute=permute,
        expand=expand,
        getitem=getitem,
        nonzero=nonzero,
        pad=_pad_with(copy, full),
        scalar=scalar,
        setitem=_setitem_with(copy),
        reshape=_reshape_with(copy),
        getitem_backward=_getitem_backward_with(copy, full),
    )


def isa_level() -> str:
    """The instruction set level of the loaded CPU kernels: "v2", "v3", "v4" (x86-64 levels) or "arm".

    The best that the processor runs, or the environment variable PYENGINE_ISA.
    """
    best = processor_level()
    asked = os.environ.get("PYENGINE_ISA")
    if asked is None or best == "arm":
        return best
    if asked not in ISA_LEVELS:
        raise ValueError(f"PYENGINE_ISA={asked!r}: expected one of {', '.join(ISA_LEVELS)}")
    if ISA_LEVELS.index(asked) > ISA_LEVELS.index(best):
        raise ValueError(f"PYENGINE_ISA={asked}: this processor runs up to {best}")
    return asked


def native_kernels(module_name: str) -> dict[str, Any]:
    """The kernels of one native module, such as "cpu_v3", by name; ImportError where it is missing or out of date."""
    try:
        module = importlib.import_module(f"pyengine.{module_name}")
    except ModuleNotFoundError as error:
        raise ImportError(f"the native module pyengine.{module_name} is not in this installation") from error
    missing = [name for name in KERNEL_NAMES if not hasattr(module, name)]
    if missing:
        raise ImportError(
            f"the native module pyengine.{module_name} lacks {', '.join(missing)}: it was built from older sources; "
            f"build it again with `pip install .`, or in this checkout as CONTRIBUTING.md says"
        )
    return {name: getattr(module, name) for name in KERNEL_NAMES}


def _reference_kernels() -> dict[str, Any]:
    from . import reference

    return reference.kernels()


def cpu_module() -> str:
    """The name of the native module that the device "cpu" uses."""
    level = isa_level()
    return "cpu" if level == "arm" else f"cpu_{level}"


class Devices(Mapping[str, Device]):
    """The devices of this installation by name. The kernels of one are loaded when it is first asked for.

    Every `Device` has its kernels, so using them costs no test. What a device lacks, a module or the hardware, raises
    where it is asked for.
    """

    def __init__(self, load: Mapping[str, Callable[[], dict[str, Any]]]) -> None:
        self._load = load
        self._loaded: dict[str, Device] = {}

    def __getitem__(self, name: str) -> Device:
        found = self._loaded.get(name)
        if found is None:  # of two threads that load it at once, both get the device of the first
            found = self._loaded.setdefault(name, Device(name, _namespace(self._load[name]())))
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._load

    def __iter__(self) -> Iterator[str]:
        return iter(self._load)

    def __len__(self) -> int:
        return len(self._load)


DEVICES = Devices({"cpu": lambda: native_kernels(cpu_module()), "numpy": _reference_kernels})
cpu = DEVICES["cpu"]


def device(which: "str | Device | None" = None) -> Device:
    """The device of that name; None is the default, "cpu".

    >>> device("numpy")
    device('numpy')
    >>> device("tpu")
    Traceback (most recent call last):
        ...
    ValueError: unknown device 'tpu'; this installation has cpu, numpy
    """
    if which is None:
        return cpu
    if isinstance(which, Device):
        return which
    if which not in DEVICES:
        raise ValueError(f"unknown device {which!r}; this installation has {', '.join(DEVICES)}")
    return DEVICES[which]


def empty(shape: tuple[int, ...], dtype: np.dtype) -> Array:
    """An uninitialised array from the pool that also serves the kernels' results."""
    return pool_array(shape, dtype)


def array_from(data: Any, dtype: np.dtype) -> Array:
    """`data` (NumPy array, number or nested list) copied into a new C-ordered array from the pool."""
    source = np.asarray(data)
    out = empty(source.shape, dtype)
    np.copyto(out, source, casting="unsafe")
    return out
