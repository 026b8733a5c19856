"""The process that runs an operation's cases with inspected kernels; started by operation.py, it reports as it ends."""

import ctypes
import sys
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import backend, dtypes
from ..kernel_names import KERNEL_NAMES
from .operation import calls_of, cases_of, run_case

_MOST_AXES, _MOST_RESULTS = 8, 8
_NAMES = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "uint8", "bool")
_DTYPES = [dtypes.check(name) for name in _NAMES]  # in the order of pe::DType


class _Array(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("dtype", ctypes.c_uint8),
        ("ndim", ctypes.c_int),
        ("shape", ctypes.c_int64 * _MOST_AXES),
        ("strides", ctypes.c_int64 * _MOST_AXES),
    )


class _Spec(ctypes.Structure):
    _fields_ = (
        ("dtype", ctypes.c_uint8),
        ("ndim", ctypes.c_int),
        ("shape", ctypes.c_int64 * _MOST_AXES),
        ("absent", ctypes.c_bool),
    )


class _Ints(ctypes.Structure):
    _fields_ = (("count", ctypes.c_int), ("none", ctypes.c_bool), ("values", ctypes.c_int64 * _MOST_AXES))


class _Argument(ctypes.Structure):
    _fields_ = (
        ("arrays", ctypes.POINTER(_Array)),
        ("array_count", ctypes.c_int64),
        ("ints", _Ints),
        ("whole", ctypes.c_int64),
        ("real", ctypes.c_double),
    )


class InspectedKernels:
    """The kernels of a library, called with arrays that lie in watched memory; what lies elsewhere is copied there."""

    def __init__(self, path: str) -> None:
        self._library = ctypes.CDLL(path)
        self._library.pe_allocate.argtypes = [ctypes.c_size_t]
        self._library.pe_allocate.restype = ctypes.c_void_p
        self._library.pe_release.argtypes = [ctypes.c_void_p]
        self._library.pe_written.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        self._library.pe_name.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
        for function in ("pe_signature", "pe_outputs", "pe_call"):
            getattr(self._library, function).restype = ctypes.c_char_p
        self._library.pe_start()
        self._watched: set[int] = set()  # begins of what was allocated

    def signature(self, name: str) -> str | None:
        """The parameters of a kernel as in "a, b, bias=None"; None for one that the library has not."""
        text = self._library.pe_signature(name.encode())
        return text.decode() if text is not None else None

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """An array in watched memory."""
        size = int(np.prod(shape))
        begin = self._library.pe_allocate(max(size, 1) * dtype.itemsize)
        memory = (ctypes.c_char * (max(size, 1) * dtype.itemsize)).from_address(begin)
        weakref.finalize(memory, self._release, begin)
        self._watched.add(begin)
        return np.frombuffer(memoryview(memory).cast("B"), dtype, size).reshape(shape)

    def put(self, operand: Any) -> Any:
        """Operands copied into watched memory; what is no array as it is."""
        if isinstance(operand, list | tuple):
            return [self.put(o) for o in operand]
        if not isinstance(operand, np.ndarray):
            return operand
        copied = self.empty(operand.shape, operand.dtype)
        copied[...] = operand
        self._library.pe_written(copied.ctypes.data, copied.nbytes)
        return copied

    def _release(self, begin: int) -> None:
        self._watched.discard(begin)
        self._library.pe_release(begin)

    def _begin(self, array: np.ndarray) -> int | None:
        """Where the watched memory begins that the array is a view of."""
        base: Any = array
        while isinstance(base, np.ndarray) and base.base is not None:
            base = base.base
        if isinstance(base, memoryview):
            base = base.obj
        begin = ctypes.addressof(base) if isinstance(base, ctypes.Array) else None
        return begin if begin in self._watched else None

    def call(self, name: str, parameters: str, *args: Any, out: Any = None, **attrs: Any) -> Any:
        """Call a kernel as its Python binding does."""
        values = _bound(parameters, args, attrs)
        moved = {key: self._moved(value) for key, value in values.items()}
        arguments = (_Argument * max(len(moved), 1))()
        keep = [self._fill(argument, key, moved[key]) for argument, key in zip(arguments, moved, strict=False)]
        specs, count = (_Spec * _MOST_RESULTS)(), ctypes.c_int()
        _check(name, self._library.pe_outputs(name.encode(), arguments, specs, ctypes.byref(count)))
        given = out if isinstance(out, tuple) else (out,)
        results = [
            None if spec.absent else self._result(spec, given[i] if out is not None else None)
            for i, spec in enumerate(specs[: count.value])
        ]
        views = (_Array * _MOST_RESULTS)(*(self._view(r, "out") if r is not None else _Array() for r in results))
        present = (ctypes.c_bool * _MOST_RESULTS)(*(r is not None for r in results))
        _check(name, self._library.pe_call(name.encode(), arguments, views, present))
        del keep
        for key, value in values.items():
            _copy_back(moved[key], value)
        if out is not None:
            for result, target in zip(results, given, strict=True):
                _copy_back(result, target)
            return out
        return None if not results else results[0] if len(results) == 1 else tuple(results)

    def _moved(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return value if self._begin(value) is not None else self.put(value)
        if isinstance(value, list | tuple) and any(isinstance(v, np.ndarray) for v in value):
            return [self._moved(v) for v in value]
        return value

    def _result(self, spec: _Spec, given: np.ndarray | None) -> np.ndarray:
        if given is not None and self._begin(given) is not None:
            return given
        return self.empty(tuple(spec.shape[: spec.ndim]), _DTYPES[spec.dtype])

    def _view(self, array: np.ndarray, name: str) -> _Array:
        begin = self._begin(array)
        self._library.pe_name(begin, name.encode(), array.itemsize)
        view = _Array(array.ctypes.data, _DTYPES.index(array.dtype), array.ndim)
        for i in range(array.ndim):
            view.shape[i], view.strides[i] = array.shape[i], array.strides[i] // array.itemsize
        return view

    def _fill(self, argument: _Argument, name: str, value: Any) -> Any:
        """One argument, in all forms that make sense for the value; the result must be kept until the call is over."""
        arrays = [value] if isinstance(value, np.ndarray) else value if _is_arrays(value) else []
        views = (_Array * max(len(arrays), 1))(
            *(self._view(a, name if len(arrays) == 1 else f"{name}[{i}]") for i, a in enumerate(arrays))
        )
        argument.arrays, argument.array_count = views, len(arrays)
        argument.ints.none = value is None
        whole = [int(v) for v in value] if isinstance(value, tuple | list) and not arrays else [value]
        if all(isinstance(v, int) for v in whole):
            argument.ints.count = len(whole)
            for i, v in enumerate(whole[:_MOST_AXES]):
                argument.ints.values[i] = v
        if isinstance(value, np.dtype):
            argument.whole = _DTYPES.index(value)
        elif value == "relu" if isinstance(value, str) else False:
            argument.whole = 1
        elif isinstance(value, bool | int | float | np.number):
            argument.real = float(value)
            argument.whole = int(value) if abs(float(value)) < 2.0**63 else 0
        return views


def _is_arrays(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(v, np.ndarray) for v in value)


def _bound(parameters: str, args: Sequence[Any], attrs: dict[str, Any]) -> dict[str, Any]:
    """The arguments by parameter, in order, defaults filled in."""
    constants = {"None": None, "True": True, "False": False}
    values: dict[str, Any] = {}
    for i, parameter in enumerate(parameters.split(", ")):
        name, _, default = parameter.partition("=")
        if i < len(args):
            values[name] = args[i]
        elif name in attrs:
            values[name] = attrs[name]
        else:
            values[name] = constants[default] if default in constants else _number(default)
    return values


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("-").isdigit() else float(text)


def _check(name: str, error: bytes) -> None:
    if error:
        kind, _, words = error.decode().partition(": ")
        kinds = {"IndexError": IndexError, "TypeError": TypeError, "ValueError": ValueError}
        raise kinds.get(kind, RuntimeError)(f"{name}: {words}")


def _copy_back(moved: Any, original: Any) -> None:
    """What a kernel wrote to a copy, for arrays that lie elsewhere."""
    if isinstance(original, np.ndarray):
        if moved is not original and original.flags.writeable:
            original[...] = moved
    elif _is_arrays(original):
        for m, o in zip(moved, original, strict=True):
            _copy_back(m, o)


def namespace(inspected: InspectedKernels) -> Any:
    """The kernels of the CPU, with those of the library in their place."""
    kernels: dict[str, Any] = {}
    for name in KERNEL_NAMES:
        parameters = inspected.signature(name)
        if parameters is None:
            kernels[name] = getattr(backend.cpu.kernels, name)
        else:
            kernels[name] = _caller(inspected, name, parameters)
    return backend._namespace(kernels)


def _caller(inspected: InspectedKernels, name: str, parameters: str) -> Any:
    return lambda *args, **attrs: inspected.call(name, parameters, *args, **attrs)


def main(library: str, name: str, numbers: Sequence[str]) -> None:
    """Run these cases of the operation."""
    inspected = InspectedKernels(library)
    kernels = namespace(inspected)
    cases = cases_of(name)
    calls = calls_of(cases)
    for number in numbers:
        with np.errstate(all="ignore"):
            run_case(kernels, cases, calls[int(number)], inspected.put)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
