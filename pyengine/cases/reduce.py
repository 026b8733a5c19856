"""Cases of reductions."""

from typing import Any

import numpy as np

from ..backend import Array
from .case import NUMBERS, Call, Cases, Operand, Pick, wrong


def _draw_sum(pick: Pick) -> Call:
    shape = pick.shape()
    return Call((Operand(shape),), {"axis": pick.axes(len(shape)), "keepdims": pick.flag()})


def _sum_error(outputs: Any, a: Array, axis: Any = None, keepdims: bool = False) -> tuple[Array]:
    # Adding n terms rounds n-1 times; roundings of random sign grow as √n, each relative to a partial sum <= Σ|a|.
    # c = 2: partial sums are smaller than Σ|a|, and the fixed tree has far fewer roundings in a row than n.
    terms = a.size // max(outputs[0].size, 1)
    return (2 * np.sqrt(terms) * np.abs(a).sum(axis=axis, keepdims=keepdims),)


def _listed(shape: tuple[int, ...], axis: Any, keepdims: bool = False) -> Call:
    return Call((Operand(shape),), {"axis": axis, "keepdims": keepdims})


_LISTED_SUM = (
    _listed((70_001,), None),  # crosses the blocks of a long sum
    _listed((3, 40_009), 1),
    _listed((30_011, 3), 0),
    _listed((300, 1300), 0),
    _listed((2, 700, 530), 1),
    _listed((2, 200, 3, 90), (1, 3)),
    _listed((4, 3000, 2), 1),
    _listed((257, 300), 0, True),
    _listed((257, 300), 1),
    _listed((257, 300), ()),
    _listed((7, 60, 9, 11), (0, 2)),
    _listed((7, 60, 9, 11), (1, 3), True),
    _listed((2, 1, 3, 1, 2, 1, 2, 3), (0, 3, 6)),
    _listed((0, 5), 0),  # a sum of nothing is 0
    _listed((5, 0), 0),
    _listed((), None),
)


def _torch_sum(torch: Any, a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    if axis == () or not a.ndim:
        return a.clone()  # torch takes () for all axes
    return a.sum(dim=axis, keepdim=keepdims) if axis is not None else a.sum(tuple(range(a.ndim)), keepdim=keepdims)


SUM = Cases(
    "sum",
    _draw_sum,
    _LISTED_SUM,
    dtypes=NUMBERS,
    error=_sum_error,
    oracle=_torch_sum,
    mistake=wrong(((2,), "f4"), axis=1),
)

KERNELS = OPS = (SUM,)
