"""Comparisons, the class of a floating-point number, and logic, with NumPy's broadcasting."""

import numpy as np

from ..brain_float import is_bfloat16
from ._common import Array, float_only, ieee, result, same_dtype

__all__ = [
    "bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor", "eq", "ge", "gt", "isfinite", "isinf", "isnan", "le",
    "lt", "ne",
]  # fmt: skip


def _comparable(kernel: str, a: Array, b: Array) -> None:
    same_dtype(kernel, a, b)
    if a.dtype in (np.float16, np.int32) or is_bfloat16(a.dtype):
        raise TypeError(f"{kernel}: compares float32, float64, int64, uint8 or bool, not {a.dtype}")


def _bits(kernel: str, a: Array) -> None:
    if a.dtype not in (np.bool_, np.int64):
        raise TypeError(f"{kernel}: works on bool or int64, not {a.dtype}")


def eq(a: Array, b: Array, out: Array | None = None) -> Array:
    _comparable("eq", a, b)
    return result(a == b, out)


def ne(a: Array, b: Array, out: Array | None = None) -> Array:
    _comparable("ne", a, b)
    return result(a != b, out)


@ieee
def lt(a: Array, b: Array, out: Array | None = None) -> Array:
    _comparable("lt", a, b)
    return result(a < b, out)


@ieee
def le(a: Array, b: Array, out: Array | None = None) -> Array:
    _comparable("le", a, b)
    return result(a <= b, out)


@ieee
def gt(a: Array, b: Array, out: Array | None = None) -> Array:
    _comparable("gt", a, b)
    return result(a > b, out)


@ieee
def ge(a: Array, b: Array, out: Array | None = None) -> Array:
    _comparable("ge", a, b)
    return result(a >= b, out)


def isnan(a: Array, out: Array | None = None) -> Array:
    float_only("isnan", a)
    return result(np.isnan(a), out)


def isinf(a: Array, out: Array | None = None) -> Array:
    float_only("isinf", a)
    return result(np.isinf(a), out)


def isfinite(a: Array, out: Array | None = None) -> Array:
    float_only("isfinite", a)
    return result(np.isfinite(a), out)


def bitwise_and(a: Array, b: Array, out: Array | None = None) -> Array:
    same_dtype("bitwise_and", a, b)
    _bits("bitwise_and", a)
    return result(a & b, out)


def bitwise_or(a: Array, b: Array, out: Array | None = None) -> Array:
    same_dtype("bitwise_or", a, b)
    _bits("bitwise_or", a)
    return result(a | b, out)


def bitwise_xor(a: Array, b: Array, out: Array | None = None) -> Array:
    same_dtype("bitwise_xor", a, b)
    _bits("bitwise_xor", a)
    return result(a ^ b, out)


def bitwise_not(a: Array, out: Array | None = None) -> Array:
    _bits("bitwise_not", a)
    return result(~a, out)
