"""Running sums along an axis."""

from collections.abc import Sequence
from typing import Any

from ..backend import Kernels
from .op import Attrs, Op, Spec, nbytes, size
from .reduce import normalize_axes
from .softmax import axis_last

_BACKWARDS = (Ellipsis, ("slice", None, None, -1))


def _infer(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    (a,) = specs
    if a.dtype.name not in ("float32", "float64", "int64"):
        raise TypeError(f"cumsum: computes in float32, float64 or int64, not {a.dtype}; cast with .to(pe.int64)")
    normalize_axes("cumsum", attrs.get("axis", -1), len(a.shape))
    return [a]


def _cumsum(k: Kernels, a: Any, *, axis: int = -1) -> Any:
    return axis_last(k, k.cumsum(axis_last(k, a, axis)), axis), ()


def _vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], axis: int = -1) -> Any:
    # an element counts in every sum from its own on: its gradient is the running sum from the other end
    backwards = k.getitem(axis_last(k, grad, axis), index=_BACKWARDS)
    return (axis_last(k, k.getitem(k.cumsum(backwards), index=_BACKWARDS), axis),)


def _cost(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    return size(specs[0].shape), nbytes(*specs, specs[0])


CUMSUM = Op("cumsum", _infer, _cumsum, _vjp, _cost)

OPS = (CUMSUM,)
