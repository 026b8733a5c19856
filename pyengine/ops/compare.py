"""Comparisons, the class of a floating-point number, and logic. None has a gradient: bools do not move."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import Kernels
from .op import Attrs, Op, Spec, broadcast_shapes, nbytes, no_gradient, require_float, size

_BOOL = np.dtype(np.bool_)
_COMPARED = ("float32", "float64", "int64", "uint8", "bool")


def _pair(name: str, specs: Sequence[Spec]) -> tuple[int, ...]:
    a, b = specs
    shape = broadcast_shapes(name, a.shape, b.shape)
    if a.dtype != b.dtype:
        raise TypeError(f"{name}: dtypes {a.dtype} and {b.dtype} differ")
    return shape


def _comparison(name: str) -> Op:
    def infer(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
        shape = _pair(name, specs)
        if specs[0].dtype.name not in _COMPARED:
            raise TypeError(f"{name}: compares {', '.join(_COMPARED)}, not {specs[0].dtype}; cast with .to(…)")
        return [Spec(shape, _BOOL)]

    def forward(k: Kernels, a: Any, b: Any) -> Any:
        return getattr(k, name)(a, b), ()

    return Op(name, infer, forward, no_gradient, _cost(infer), promotes=True)


def _class(name: str) -> Op:
    def infer(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
        require_float(name, specs[0])
        return [Spec(specs[0].shape, _BOOL)]

    def forward(k: Kernels, a: Any) -> Any:
        return getattr(k, name)(a), ()

    return Op(name, infer, forward, no_gradient, _cost(infer))


def _require_bits(name: str, spec: Spec) -> None:
    if spec.dtype.name not in ("bool", "int64"):
        raise TypeError(f"{name}: works on bool or int64, not {spec.dtype}; cast with .bool() or .long()")


def _logic(name: str) -> Op:
    def infer(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
        for spec in specs:
            _require_bits(name, spec)
        return [Spec(_pair(name, specs), specs[0].dtype)]

    def forward(k: Kernels, a: Any, b: Any) -> Any:
        return getattr(k, name)(a, b), ()

    return Op(name, infer, forward, no_gradient, _cost(infer))


def _infer_not(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    _require_bits("bitwise_not", specs[0])
    return [specs[0]]


def _not(k: Kernels, a: Any) -> Any:
    return k.bitwise_not(a), ()


def _cost(infer: Any) -> Any:
    def cost(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
        (out,) = infer(specs, attrs)
        return size(out.shape), nbytes(*specs, out)

    return cost


EQ = _comparison("eq")
NE = _comparison("ne")
LT = _comparison("lt")
LE = _comparison("le")
GT = _comparison("gt")
GE = _comparison("ge")
ISNAN = _class("isnan")
ISINF = _class("isinf")
ISFINITE = _class("isfinite")
BITWISE_AND = _logic("bitwise_and")
BITWISE_OR = _logic("bitwise_or")
BITWISE_XOR = _logic("bitwise_xor")
BITWISE_NOT = Op("bitwise_not", _infer_not, _not, no_gradient, _cost(_infer_not))

OPS = (EQ, NE, LT, LE, GT, GE, ISNAN, ISINF, ISFINITE, BITWISE_AND, BITWISE_OR, BITWISE_XOR, BITWISE_NOT)
