"""bfloat16, which NumPy has not: the dtype is that of ml_dtypes, imported when one is first asked for.

A bfloat16 is the upper half of a float32: its 8 bits of exponent, so its range, and 8 bits of precision.
"""

import functools
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

FLOAT_KINDS = "fV"  # of the dtypes that tensors have, bfloat16 alone is "V": to NumPy it is a type that a user defined
_FRACTION, _SMALLEST = 7, -126  # bits behind the point, and the exponent of the smallest normal number


@functools.cache
def bfloat16() -> np.dtype:
    """The dtype."""
    import ml_dtypes  # some 20 ms, which no program should wait for that does not use it

    return np.dtype(ml_dtypes.bfloat16)


def is_bfloat16(dtype: np.dtype) -> bool:
    """Whether it is bfloat16; imports nothing.

    >>> is_bfloat16(bfloat16()), is_bfloat16(np.dtype("float16"))
    (True, False)
    """
    return dtype.kind == "V" and dtype.name == "bfloat16"


def rounded(a: Any) -> Array:
    """Numbers as bfloat16, rounded once to the nearest, ties to even.

    The casts of ml_dtypes go through float32, which is right for float32 and float16 alone. Of wider numbers it rounds
    some to the very middle between two bfloat16, from where the second rounding may go the wrong way.

    >>> above_the_middle = np.array([1 + 2**-8 + 2**-40])
    >>> float(rounded(above_the_middle)[0]), float(above_the_middle.astype(bfloat16())[0])
    (1.0078125, 1.0)
    """
    a = np.asarray(a)
    if a.dtype in (np.float16, np.float32) or is_bfloat16(a.dtype):
        return a.astype(np.float32, copy=False).astype(bfloat16())
    if a.dtype == np.int64:
        a = _rounded_to_odd(a)
    values = a.astype(np.float64, copy=False)
    with np.errstate(all="ignore"):
        _, exponent = np.frexp(values)  # |value| = f · 2^exponent with ½ <= f < 1
        last_place = np.ldexp(1.0, np.maximum(exponent - 1, _SMALLEST) - _FRACTION)
        nearest = np.where(np.isfinite(values), np.rint(values / last_place) * last_place, values)
        return nearest.astype(np.float32).astype(bfloat16())  # both exact, but for what is too large and NaN


def _rounded_to_odd(a: Array) -> Array:
    """int64 as numbers that float64 holds and that round to bfloat16 alike; see csrc/core/convert.h."""
    low = (1 << 11) - 1
    odd = (a & ~low) | (a & low != 0).astype(np.int64) << 11
    return np.where((a >= -(1 << 53)) & (a <= 1 << 53), a, odd)
