"""Cases of putting tensors together and of triangles: nothing is computed, so all backends give the same bits."""

from typing import Any

from ..dtypes import ALL
from .case import NUMBERS, Call, Cases, Operand, Pick, Shape, wrong
from .index import small


def _parts(pick: Pick) -> tuple[tuple[Operand, ...], int]:
    shape = pick.shape(1, 3)
    axis = pick.choice(range(len(shape)))
    lengths = [pick.choice((0, 1, 2, 7, 17)) for _ in range(pick.choice((1, 2, 3)))]
    shapes = [(*shape[:axis], n, *shape[axis + 1 :]) for n in lengths]
    return tuple(Operand(s, small) for s in shapes), axis - len(shape) if pick.flag() else axis


def _draw_concat(pick: Pick) -> Call:
    arrays, axis = _parts(pick)
    return Call((arrays,), {"axis": axis})


def _draw_concat_op(pick: Pick) -> Call:
    arrays, axis = _parts(pick)
    return Call(tuple(Operand(a.shape) for a in arrays), {"axis": axis})


def _draw_split(pick: Pick) -> Call:
    lengths = tuple(pick.choice((0, 1, 2, 7, 17)) for _ in range(pick.choice((1, 2, 3))))
    shape = pick.shape(1, 3)
    axis = pick.choice(range(len(shape)))
    return Call((Operand((*shape[:axis], sum(lengths), *shape[axis + 1 :])),), {"lengths": lengths, "axis": axis})


def _draw_pad(pick: Pick) -> Call:
    shape = pick.shape()
    widths = tuple((pick.choice((0, 1, 3)), pick.choice((0, 2))) for _ in shape)
    return Call((Operand(shape),), {"widths": widths, "value": pick.choice((0.0, -3.0))})


def _draw_triangle(pick: Pick) -> Call:
    return Call((Operand(pick.shape(2, 4), small),), {"diagonal": pick.choice((0, -1, 2, -7, 70))})


def _draw_triangle_op(pick: Pick) -> Call:
    call = _draw_triangle(pick)
    return Call((Operand(call.operands[0].shape),), call.attrs)  # type: ignore[union-attr]


_LISTED_CONCAT = (
    Call(((Operand((300, 70), small), Operand((300, 90), small)),), {"axis": 1}),
    Call(((Operand((40_000,), small), Operand((50_000,), small)),), {"axis": 0}),
)
_LISTED_TRIANGLE = tuple(Call((Operand((3, 130, 170), small),), {"diagonal": d}) for d in (0, 5, -200, 2**62))


def _torch_pad(torch: Any, a: Any, widths: tuple[tuple[int, int], ...], value: float) -> Any:
    flat: Shape = tuple(w for pair in reversed(widths) for w in pair)
    return torch.nn.functional.pad(a, flat, value=value)


CONCAT_KERNEL = Cases("concat", _draw_concat, _LISTED_CONCAT, dtypes=ALL)
TRIL_KERNEL = Cases("tril", _draw_triangle, _LISTED_TRIANGLE, dtypes=ALL)
TRIU_KERNEL = Cases("triu", _draw_triangle, _LISTED_TRIANGLE, dtypes=ALL)
CONCAT = Cases(
    "concat",
    _draw_concat_op,
    dtypes=NUMBERS,
    oracle=lambda torch, *arrays, axis: torch.cat(arrays, axis),
    mistake=wrong(((2, 3), "f4"), ((2, 4), "f4"), axis=0),
)
PAD = Cases(
    "pad", _draw_pad, dtypes=NUMBERS, oracle=_torch_pad, mistake=wrong(((2, 3), "f4"), widths=((1, 1),), value=0.0)
)
SPLIT = Cases(
    "split",
    _draw_split,
    (Call((Operand((2, 6)),), {"lengths": (3, 0, 3), "axis": -1}),),
    dtypes=NUMBERS,
    oracle=lambda torch, a, lengths, axis: torch.split(a, lengths, axis),
    mistake=wrong(((2, 3), "f4"), lengths=(1, 1), axis=1),
)
TRIL = Cases(
    "tril",
    _draw_triangle_op,
    dtypes=NUMBERS,
    oracle=lambda torch, a, diagonal: torch.tril(a, diagonal),
    mistake=wrong(((3,), "f4"), diagonal=0),
)
TRIU = Cases(
    "triu",
    _draw_triangle_op,
    dtypes=NUMBERS,
    oracle=lambda torch, a, diagonal: torch.triu(a, diagonal),
    mistake=wrong(((3,), "f4"), diagonal=0),
)

KERNELS = (CONCAT_KERNEL, TRIL_KERNEL, TRIU_KERNEL)
OPS = (CONCAT, PAD, SPLIT, TRIL, TRIU)
