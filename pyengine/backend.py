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
    from ._core import isa_level as processor_level
    from .memory import HOST, HostMemory
except ImportError as error:
    if error.name != "pyengine._core":  # the module's own words, on a PYENGINE_NUM_THREADS that makes no sense
        raise
    _what = "is missing" if isinstance(error, ModuleNotFoundError) else f"cannot be used ({error})"
    raise ImportError(
        f"the native module pyengine._core {_what}: install the package with `pip install .`, "
        f"or build it into this checkout as CONTRIBUTING.md says"
    ) from error

Array: TypeAlias = np.ndarray[Any, Any]  # on the device "cuda" CuPy's
Kernels: TypeAlias = Any  # a namespace: native kernels, reference kernels, a recorder's, or ops on tensors

ISA_LEVELS = ("v2", "v3", "v4")


class Device:
    """A place to compute, by name: "cpu" (native kernels), "numpy" (the reference), "cuda" (a GPU) or "cudasim" (the
    GPU's kernels on the CPU); and the memory that its arrays lie in."""

    __slots__ = ("kernels", "memory", "module", "name")

    def __init__(self, name: str, kernels: Kernels, memory: HostMemory = HOST, module: str | None = None) -> None:
        self.name = name
        self.kernels = kernels
        self.memory = memory
        self.module = module  # the native module of the kernels, such as "cpu_v3"; the device "numpy" has none

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


def getitem(a: Array, index: tuple[Any, ...]) -> Array:
    """The part that an encoded index selects, always as a view."""
    decoded = decode_index(index)
    out = a[decoded]
    return out if isinstance(out, type(a)) else a[(*decoded, ...)]  # a view, not NumPy's scalar copy


_ones: dict[tuple[str, np.dtype], Array] = {}


def one(on: "Device", dtype: np.dtype) -> Array:
    """The 1 that backward() starts from: always the same array, by which is_one knows it, and not to be written to."""
    key = (on.name, dtype)
    if key not in _ones:
        _ones[key] = on.kernels.full((), 1.0, dtype)
        on.memory.freeze(_ones[key])
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


def _reshape_with(copy: Any, memory: HostMemory) -> Any:
    def reshape(a: Array, shape: tuple[int, ...]) -> Array:
        if a.flags.c_contiguous:
            return a.reshape(shape)
        view = memory.reshape(a, shape)
        return copy(a, a.dtype).reshape(shape) if view is None else view

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


def _namespace(kernels: dict[str, Any], memory: HostMemory = HOST) -> Kernels:
    copy, full = kernels["copy"], kernels["full"]
    return SimpleNamespace(
        **kernels,
        permute=permute,
        expand=memory.expand,
        getitem=getitem,
        nonzero=memory.nonzero,
        pad=_pad_with(copy, full),
        scalar=memory.scalar,
        setitem=_setitem_with(copy),
        reshape=_reshape_with(copy, memory),
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


def keeping_kernels(device: Device, wrap: Callable[[str, Callable[..., Any]], Callable[..., Any]]) -> Kernels:
    """The namespace of a native device in which each kernel is `wrap(name, keeper)`.

    keeper(…) runs the kernel and returns (its result, the parsed call to be run again): see csrc/core/kept_call.h.
    """
    keepers = importlib.import_module(f"pyengine.{device.module}")._keepers
    return _namespace({name: wrap(name, keepers[name]) for name in KERNEL_NAMES}, device.memory)


def cpu_module() -> str:
    """The name of the native module that the device "cpu" uses."""
    level = isa_level()
    return "cpu" if level == "arm" else f"cpu_{level}"


def _load_cpu() -> Device:
    module = cpu_module()
    return Device("cpu", _namespace(native_kernels(module)), module=module)


def _load_numpy() -> Device:
    from . import reference

    return Device("numpy", _namespace(reference.kernels()))


def _load_cudasim() -> Device:
    return Device("cudasim", _namespace(native_kernels("_cudasim")), module="_cudasim")


def _load_cuda() -> Device:
    from .gpu_memory import memory

    place = memory()  # first: says in the user's words what is missing
    return Device("cuda", _namespace(native_kernels("_cuda"), place), place, module="_cuda")


class Devices(Mapping[str, Device]):
    """The devices by name. The kernels of one are loaded when it is first asked for.

    Every `Device` has its kernels, so using them costs no test. What a device lacks, a module or the hardware, raises
    where it is asked for.
    """

    def __init__(self, load: Mapping[str, Callable[[], Device]]) -> None:
        self._load = load
        self._loaded: dict[str, Device] = {}

    def __getitem__(self, name: str) -> Device:
        found = self._loaded.get(name)
        if found is None:  # of two threads that load it at once, both get the device of the first
            found = self._loaded.setdefault(name, self._load[name]())
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._load

    def __iter__(self) -> Iterator[str]:
        return iter(self._load)

    def __len__(self) -> int:
        return len(self._load)


DEVICES = Devices({"cpu": _load_cpu, "numpy": _load_numpy, "cudasim": _load_cudasim, "cuda": _load_cuda})
cpu = DEVICES["cpu"]


def available() -> list[str]:
    """The names of the devices that can be used here; looks for a GPU.

    >>> available()[:2]
    ['cpu', 'numpy']
    """
    found = []
    for name in DEVICES:
        try:
            found.append(DEVICES[name].name)
        except (ValueError, ImportError):
            continue
    return found


def device(which: "str | Device | None" = None) -> Device:
    """The device of that name; None is the default, "cpu".

    ValueError for a name that there is not, and for "cuda" where a GPU, its driver, CuPy or the native kernels are
    missing: the message says which, and what to do.

    >>> device("numpy")
    device('numpy')
    >>> device("tpu")
    Traceback (most recent call last):
        ...
    ValueError: unknown device 'tpu'; there are cpu, numpy, cudasim, cuda
    """
    if which is None:
        return cpu
    if isinstance(which, Device):
        return which
    if which not in DEVICES:
        raise ValueError(f"unknown device {which!r}; there are {', '.join(DEVICES)}")
    return DEVICES[which]


def empty(shape: tuple[int, ...], dtype: np.dtype) -> Array:
    """An uninitialised array from the pool that also serves the kernels' results."""
    return HOST.empty(shape, dtype)
