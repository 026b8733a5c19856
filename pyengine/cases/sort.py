"""Cases of order along an axis: elements are moved, so all backends give the same bits."""

from typing import Any

import numpy as np

from ..backend import Array
from .case import NUMBERS, Call, Cases, Operand, Pick, Shape, wrong


def _draw_sort(pick: Pick) -> Call:
    shape = pick.shape(1, 4)
    return Call((Operand(shape),), {"axis": pick.choice(range(-len(shape), len(shape))), "descending": pick.flag()})


def _drawer(count: str) -> Any:
    def draw(pick: Pick) -> Call:
        shape = pick.shape(1, 4)
        axis = pick.choice(range(-len(shape), len(shape)))
        attrs = {count: pick.choice(range(shape[axis] + 1)), "axis": axis, "largest": pick.flag()}
        return Call((Operand(shape),), attrs)

    return draw


# lines that are compared and lines that are counted, along both axes of a matrix
_LINES = (((70_001,), 0), ((300, 511), 1), ((600, 70), 0), ((3, 2000, 5), 1))
_LISTED_SORT = tuple(
    Call((Operand(shape),), {"axis": axis, "descending": falling})
    for shape, axis in _LINES
    for falling in (False, True)
)


def _listed_topk(count: str) -> tuple[Call, ...]:
    return tuple(
        Call((Operand(shape),), {count: k, "axis": axis, "largest": largest})
        for shape, axis in _LINES
        for k, largest in ((5, True), (40, False))
    )


def _apart(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """Floats so far from each other that a finite difference does not change their order."""
    count = int(np.prod(shape))
    return np.asarray((rng.permutation(count).reshape(shape) - count // 2) * (1 if exact else 0.125))


def _op(draw: Any) -> Any:
    def drawn(pick: Pick) -> Call:
        call = draw(pick)
        return Call((Operand(call.operands[0].shape, _apart),), call.attrs)

    return drawn


def _torch_sort(torch: Any, a: Any, axis: int, descending: bool = False) -> Any:
    return tuple(torch.sort(a, dim=axis, descending=descending, stable=True))


def _torch_topk(torch: Any, a: Any, count: int, axis: int, largest: bool = True) -> Any:
    # torch.topk leaves open which of several equal elements it takes
    values, indices = torch.sort(a, dim=axis, descending=largest, stable=True)
    return values.narrow(axis, 0, count), indices.narrow(axis, 0, count)


SORT_KERNEL = Cases("sort", _draw_sort, _LISTED_SORT, dtypes=NUMBERS)
TOPK_KERNEL = Cases("topk", _drawer("k"), _listed_topk("k"), dtypes=NUMBERS)
SORT = Cases(
    "sort", _op(_draw_sort), _LISTED_SORT, dtypes=NUMBERS, oracle=_torch_sort, mistake=wrong(((2, 3), "f4"), axis=2)
)
TOPK = Cases(
    "topk",
    _op(_drawer("count")),
    _listed_topk("count"),
    dtypes=NUMBERS,
    oracle=_torch_topk,
    mistake=wrong(((2, 3), "f4"), count=4, axis=1),
)

KERNELS = (SORT_KERNEL, TOPK_KERNEL)
OPS = (SORT, TOPK)
