"""Dropout: a state decides which elements stay, so the gradient makes the same choice again and keeps no mask."""

from collections.abc import Sequence
from typing import Any

from ..backend import Kernels
from .op import Attrs, Op, Spec, nbytes, require_float, size


def _infer(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    a, state = specs
    require_float("dropout", a)
    if not 0 <= attrs["p"] <= 1:
        raise ValueError(f"dropout: p is the probability to be dropped, from 0 to 1, not {attrs['p']}")
    if state.shape != (2,) or state.dtype.name != "int64":
        raise ValueError(f"dropout: the state is int64[2], seed and offset, not {state}")
    return [a]


def _dropout(k: Kernels, a: Any, state: Any, *, p: float) -> Any:
    return k.dropout(a, state, p=p), (state,)


def _vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], p: float) -> Any:
    return k.dropout(grad, saved[0], p=p), None


def _cost(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    return size(specs[0].shape), 2 * nbytes(specs[0]) + nbytes(specs[1])


DROPOUT = Op("dropout", _infer, _dropout, _vjp, _cost, saves=(1,))

OPS = (DROPOUT,)
