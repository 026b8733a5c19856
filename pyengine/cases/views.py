"""Cases of views: nothing is computed, so all backends give the same bits."""

from typing import Any

import numpy as np

from ..backend import decode_index, encode_index
from .case import NUMBERS, Call, Cases, Operand, Pick, Shape, wrong


def _draw_reshape(pick: Pick) -> Call:
    shape = pick.shape()
    factors = [f for n in shape for f in (_split(pick, n) if n else (n,))]
    merged: list[int] = []
    for f in factors:
        if merged and pick.flag():
            merged[-1] *= f
        else:
            merged.append(f)
    return Call((Operand(shape),), {"shape": tuple(merged)})


def _split(pick: Pick, n: int) -> tuple[int, int]:
    first = pick.choice([d for d in range(1, n + 1) if n % d == 0])
    return first, n // first


def _draw_permute(pick: Pick) -> Call:
    shape = pick.shape()
    left, axes = list(range(len(shape))), []
    while left:
        axis = pick.choice(left)
        left.remove(axis)
        axes.append(axis - len(shape) if pick.flag() else axis)
    return Call((Operand(shape),), {"axes": tuple(axes)})


def _draw_expand(pick: Pick) -> Call:
    shape = pick.shape()
    return Call((Operand(pick.narrowed(shape)),), {"shape": shape})


def _draw_index(pick: Pick, shape: Shape) -> tuple[Any, ...]:
    """Ints, slices of any step, None, and one Ellipsis at most, for some of the axes."""
    index: list[Any] = []
    for n in shape[: pick.choice(range(len(shape) + 1))]:
        if pick.flag():
            index.append(None)
        if n and pick.flag():
            index.append(pick.choice(range(-n, n)))
        else:
            ends = (None, *range(-n - 1, n + 2))
            index.append(slice(pick.choice(ends), pick.choice(ends), pick.choice((None, 1, 2, -1, -2))))
    if pick.flag():
        index.append(Ellipsis)
    return encode_index(tuple(index))


def _draw_getitem(pick: Pick) -> Call:
    shape = pick.shape()
    return Call((Operand(shape),), {"index": _draw_index(pick, shape)})


def _draw_getitem_backward(pick: Pick) -> Call:
    shape = pick.shape()
    index = _draw_index(pick, shape)
    return Call((Operand(_positions(index, shape).shape),), {"index": index, "shape": shape})


def _positions(index: tuple[Any, ...], shape: Shape) -> Any:
    """Where, in row-major order, the elements lie that an index chooses: for libraries without negative steps."""
    flat = np.arange(int(np.prod(shape)))
    return np.array(flat.reshape(shape)[decode_index(index)])


def _torch_getitem(torch: Any, a: Any, index: tuple[Any, ...]) -> Any:
    return a.reshape(-1)[torch.from_numpy(_positions(index, tuple(a.shape)))]


def _torch_getitem_backward(torch: Any, grad: Any, index: tuple[Any, ...], shape: Shape) -> Any:
    places = torch.from_numpy(_positions(index, shape)).reshape(-1)
    return torch.zeros(int(np.prod(shape)), dtype=grad.dtype).index_add(0, places, grad.reshape(-1)).reshape(shape)


RESHAPE = Cases(
    "reshape",
    _draw_reshape,
    (Call((Operand((4, 6)),), {"shape": (-1, 8)}), Call((Operand(()),), {"shape": (1, 1)})),
    dtypes=NUMBERS,
    oracle=lambda torch, a, shape: a.reshape(shape),
    mistake=wrong(((2, 3), "f4"), shape=(5,)),
)
PERMUTE = Cases(
    "permute",
    _draw_permute,
    dtypes=NUMBERS,
    oracle=lambda torch, a, axes: a.permute(axes),
    mistake=wrong(((2, 3), "f4"), axes=(0,)),
)
EXPAND = Cases(
    "expand",
    _draw_expand,
    dtypes=NUMBERS,
    oracle=lambda torch, a, shape: a.expand(shape),
    mistake=wrong(((2, 3), "f4"), shape=(3, 2)),
)
GETITEM = Cases(
    "getitem", _draw_getitem, dtypes=NUMBERS, oracle=_torch_getitem, mistake=wrong(((2, 3), "f4"), index=(7,))
)
GETITEM_BACKWARD = Cases("getitem_backward", _draw_getitem_backward, dtypes=NUMBERS, oracle=_torch_getitem_backward)


def _draw_setitem(pick: Pick) -> Call:
    shape = pick.shape()
    index = _draw_index(pick, shape)
    return Call((Operand(shape), Operand(_positions(index, shape).shape)), {"index": index})


def _torch_setitem(torch: Any, a: Any, value: Any, index: tuple[Any, ...]) -> Any:
    places = torch.from_numpy(_positions(index, tuple(a.shape))).reshape(-1)
    return a.reshape(-1).index_put((places,), value.reshape(-1)).reshape(a.shape)


SETITEM = Cases(
    "setitem",
    _draw_setitem,
    dtypes=NUMBERS,
    oracle=_torch_setitem,
    mistake=wrong(((2, 3), "f4"), ((2,), "f4"), index=(0,)),
)

KERNELS = ()
OPS = (RESHAPE, PERMUTE, EXPAND, GETITEM, GETITEM_BACKWARD, SETITEM)
