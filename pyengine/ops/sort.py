"""Order along an axis. A result stands where its element came from: the gradient goes back there."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import Kernels
from .op import Attrs, Op, Spec, nbytes, size
from .reduce import normalize_axes

_INT64 = np.dtype(np.int64)


def _line(op: str, spec: Spec, axis: int) -> int:
    if spec.dtype.name not in ("float32", "float64", "int64"):
        raise TypeError(f"{op}: orders float32, float64 or int64, not {spec.dtype}; cast with .to(pe.float32)")
    return normalize_axes(op, axis, len(spec.shape))[0]


def _infer_sort(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    (a,) = specs
    _line("sort", a, attrs["axis"])
    return [a, Spec(a.shape, _INT64)]


def _sort(k: Kernels, a: Any, *, axis: int, descending: bool = False) -> Any:
    values, indices = k.sort(a, axis=axis, descending=descending)
    return (values, indices), (indices, a.shape)


def _sort_vjp(k: Kernels, saved: Any, grad: Any, _: Any, *, needs: Sequence[bool], axis: int, **others: Any) -> Any:
    indices, shape = saved
    return (None if grad is None else k.scatter_add(grad, indices, axis=axis, shape=shape),)


def _infer_topk(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    (a,) = specs
    axis, count = _line("topk", a, attrs["axis"]), attrs["count"]
    if not 0 <= count <= a.shape[axis]:
        raise ValueError(f"topk: k is {count}, but axis {axis} of {a.shape} has {a.shape[axis]} elements")
    shape = (*a.shape[:axis], count, *a.shape[axis + 1 :])
    return [Spec(shape, a.dtype), Spec(shape, _INT64)]


def _topk(k: Kernels, a: Any, *, count: int, axis: int, largest: bool = True) -> Any:
    values, indices = k.topk(a, k=count, axis=axis, largest=largest)
    return (values, indices), (indices, a.shape)


def _cost_sort(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    (a,) = specs
    n = size(a.shape)
    length = a.shape[attrs["axis"]]
    return n * max(1, math.ceil(math.log2(max(length, 2)))), nbytes(a, *_infer_sort(specs, attrs))


def _cost_topk(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    return size(specs[0].shape), nbytes(*specs, *_infer_topk(specs, attrs))


SORT = Op("sort", _infer_sort, _sort, _sort_vjp, _cost_sort, saves=(~1,))
TOPK = Op("topk", _infer_topk, _topk, _sort_vjp, _cost_topk, saves=(~1,))

OPS = (SORT, TOPK)
