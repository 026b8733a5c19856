"""What the reference kernels share."""

from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]

# NaN and Inf come and go as IEEE 754 says, without NumPy's warnings, as in the native kernels. Used as a decorator.
ieee = np.errstate(all="ignore")


def result(value: Any, out: Array | None, dtype: np.dtype | None = None) -> Array:
    """`value` as an array (never a NumPy scalar), or written into `out`."""
    if out is None:
        return np.asarray(value, dtype=dtype)
    if out.shape != np.shape(value):
        raise ValueError(f"out has shape {out.shape}, the result {np.shape(value)}")
    out[...] = value
    return out


def results(values: tuple[Any, ...], out: tuple[Any, ...] | None) -> tuple[Any, ...]:
    """`result` for several outputs."""
    return tuple(result(value, None if out is None else out[i]) for i, value in enumerate(values))


def last_axis(kernel: str, a: Array) -> None:
    if a.ndim == 0:
        raise ValueError(f"{kernel}: needs at least one axis")


def same_dtype(kernel: str, a: Array, b: Array) -> None:
    if a.dtype != b.dtype:
        raise TypeError(f"{kernel}: dtypes {a.dtype} and {b.dtype} differ")


def float_only(kernel: str, a: Array) -> None:
    """float32, float64, and wider ones, in which the tests compute what float64 ought to be."""
    if a.dtype.kind != "f" or a.dtype.itemsize < 4:
        raise TypeError(f"{kernel}: needs float32 or float64, not {a.dtype}")


def number_only(kernel: str, a: Array) -> None:
    if a.dtype != np.int64 and (a.dtype.kind != "f" or a.dtype.itemsize < 4):
        raise TypeError(f"{kernel}: needs float32, float64 or int64, not {a.dtype}")
