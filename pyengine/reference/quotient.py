"""Division to a whole number, and what is left, with NumPy's broadcasting."""

import numpy as np

from ._common import Array, ieee, number_only, result, same_dtype

__all__ = ["floor_divide", "remainder"]


def _check(kernel: str, a: Array, b: Array) -> None:
    same_dtype(kernel, a, b)
    number_only(kernel, a)
    if a.dtype.kind == "i" and np.logical_and(b == 0, np.ones(a.shape, np.bool_)).any():
        raise RuntimeError(f"{kernel}: an integer is divided by 0; {kernel} in float32 gives inf or NaN")


@ieee
def floor_divide(a: Array, b: Array, out: Array | None = None) -> Array:
    _check("floor_divide", a, b)
    return result(np.floor_divide(a, b), out)


@ieee
def remainder(a: Array, b: Array, out: Array | None = None) -> Array:
    _check("remainder", a, b)
    if a.dtype.kind == "i":
        return result(np.remainder(a, b), out)
    rest = np.fmod(a, b)
    return result(np.where((rest != 0) & ((rest < 0) != (b < 0)), rest + b, rest), out)
