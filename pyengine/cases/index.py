"""Cases of choosing elements by position, and of putting them back. Sums are taken in the order of the positions, on
every backend, so even they have the reference's very bits."""

from typing import Any

import numpy as np

from ..backend import Array
from ..dtypes import ALL, int64
from .case import NUMBERS, Call, Cases, Operand, Pick, Shape, Values, real, wrong


def positions(length: int, negative: bool = False) -> Values:
    """Positions in an axis of that length, some of them several times."""

    def inside(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
        return rng.integers(-length if negative else 0, max(length, 1), shape)

    return inside


def _distinct(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """The numbers from 0 on in another order, along the last axis with each row the same number further."""
    return rng.permutation(shape[-1]) + np.zeros(shape, np.int64) if shape else np.zeros((), np.int64)


def small(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """Values that every dtype holds."""
    return rng.integers(0, 2, shape)


# --- positions along several axes


def _draw_axes(pick: Pick, least_length: int = 1) -> tuple[Shape, tuple[int, ...], Shape]:
    """The shape of a tensor, axes of it, and the common shape of their positions."""
    shape = pick.shape(1, 4, least_length)
    axes = tuple(axis for axis in range(len(shape)) if pick.flag()) or (len(shape) - 1,)
    return shape, axes, pick.choice(((), (1,), (3,), (7,), (2, 3), (0,), (4, 1, 2)))


def _indices(pick: Pick, shape: Shape, axes: tuple[int, ...], common: Shape) -> tuple[Operand, ...]:
    given = (common, *(pick.narrowed(common) for _ in axes[1:]))
    return tuple(
        Operand(own, positions(shape[axis], negative=True), int64) for own, axis in zip(given, axes, strict=True)
    )


def _chosen(shape: Shape, axes: tuple[int, ...], common: Shape) -> Shape:
    key: list[Any] = [slice(None)] * len(shape)
    for axis in axes:
        key[axis] = np.zeros(common, np.int64)
    return np.broadcast_to(np.empty((), np.bool_), shape)[tuple(key)].shape


def _index_call(shape: Shape, axes: tuple[int, ...], *given: Shape, **attrs: Any) -> Call:
    indices = tuple(Operand(g, positions(shape[a], True), int64) for g, a in zip(given, axes, strict=True))
    return Call((Operand(shape, small), indices), {"axes": axes, **attrs})


def _draw_index(pick: Pick) -> Call:
    shape, axes, common = _draw_axes(pick)
    return Call((Operand(shape, small), _indices(pick, shape, axes, common)), {"axes": axes})


def _draw_index_add(pick: Pick) -> Call:
    shape, axes, common = _draw_axes(pick)
    src = Operand(_chosen(shape, axes, common))
    return Call((src, _indices(pick, shape, axes, common)), {"axes": axes, "shape": shape})


def _draw_index_put(pick: Pick) -> Call:
    shape, axes, common = _draw_axes(pick)
    src = Operand(_chosen(shape, axes, common), small)
    return Call((Operand(shape, small), src, _indices(pick, shape, axes, common)), {"axes": axes})


_LISTED_INDEX = (
    _index_call((1000, 64), (0,), (70, 30)),  # an embedding; more than one task
    _index_call((70_001,), (0,), (40_000,)),
    _index_call((50, 60, 70), (0, 2), (700,), (700,)),
    _index_call((3, 300, 200), (1, 2), (40, 1), (50,)),
    _index_call((5, 0), (0,), (3,)),
    _index_call((3, 4), (1,), (2, 5), wrap=True),
)


def _put_of(call: Call) -> Call:
    (a, indices), axes = call.operands, call.attrs["axes"]
    common = np.broadcast_shapes(*(i.shape for i in indices))  # type: ignore[union-attr]
    src = Operand(_chosen(a.shape, axes, common), real)  # type: ignore[union-attr]
    return Call((a, src, indices), {"axes": axes})


def _add_of(call: Call) -> Call:
    put = _put_of(call)
    shape = put.operands[0].shape  # type: ignore[union-attr]
    return Call(put.operands[1:], {"axes": call.attrs["axes"], "shape": shape})


_LISTED_PUT = tuple(map(_put_of, _LISTED_INDEX))
_LISTED_ADD = tuple(map(_add_of, _LISTED_INDEX))


# --- positions along one axis


def _draw_lines(pick: Pick) -> tuple[Shape, int, Shape]:
    """The shape of a tensor, an axis of it, and a shape of positions along it."""
    shape = pick.shape(1, 4, 1)
    axis = pick.choice(range(len(shape)))
    index = tuple(pick.length() if i == axis else pick.choice((n, max(n - 1, 0))) for i, n in enumerate(shape))
    return shape, axis - len(shape) if pick.flag() else axis, index


def _draw_gather(pick: Pick) -> Call:
    shape, axis, index = _draw_lines(pick)
    return Call((Operand(shape, small), Operand(index, positions(shape[axis]), int64)), {"axis": axis})


def _draw_scatter(pick: Pick) -> Call:
    shape, axis, index = _draw_lines(pick)
    operands = (Operand(shape, small), Operand(index, small), Operand(index, positions(shape[axis]), int64))
    return Call(operands, {"axis": axis})


def _draw_scatter_add(pick: Pick) -> Call:
    shape, axis, index = _draw_lines(pick)
    return Call((Operand(index), Operand(index, positions(shape[axis]), int64)), {"axis": axis, "shape": shape})


_LINES = (
    ((257, 300), 1, (257, 1)),
    ((257, 300), 0, (500, 300)),
    ((70_001,), 0, (3000,)),
    ((5, 60, 70), 1, (5, 90, 69)),
)


def _gather_call(shape: Shape, axis: int, index: Shape) -> Call:
    return Call((Operand(shape, small), Operand(index, positions(shape[axis]), int64)), {"axis": axis})


def _scatter_call(shape: Shape, axis: int, index: Shape) -> Call:
    a, positions_ = _gather_call(shape, axis, index).operands
    return Call((a, Operand(index, small), positions_), {"axis": axis})


def _scatter_add_call(shape: Shape, axis: int, index: Shape) -> Call:
    positions_ = Operand(index, positions(shape[axis]), int64)
    return Call((Operand(index), positions_), {"axis": axis, "shape": shape})


KERNEL_CASES = (
    Cases("index", _draw_index, _LISTED_INDEX, dtypes=ALL),
    Cases("index_put", _draw_index_put, _LISTED_PUT, dtypes=ALL, aliases=(0,)),
    Cases("index_add", _draw_index_add, _LISTED_ADD, dtypes=NUMBERS),
    Cases("gather", _draw_gather, tuple(_gather_call(*c) for c in _LINES), dtypes=ALL),
    Cases("scatter", _draw_scatter, tuple(_scatter_call(*c) for c in _LINES), dtypes=ALL, aliases=(0,)),
    Cases("scatter_add", _draw_scatter_add, tuple(_scatter_add_call(*c) for c in _LINES), dtypes=NUMBERS),
)


# --- operations: the arrays of positions are operands of their own, and those that are written to are distinct


def _flat(call: Call) -> Call:
    """The call with its list of positions as single operands."""
    operands: list[Any] = []
    for operand in call.operands:
        operands += operand if type(operand) is tuple else (operand,)
    return Call(tuple(Operand(o.shape, real, o.dtype) if o.dtype is None else o for o in operands), call.attrs)


def _draw_put_op(pick: Pick) -> Call:
    shape, axis = pick.shape(1, 3, 1), -1
    axis = pick.choice(range(len(shape)))
    common = (pick.choice(range(1, shape[axis] + 1)),)
    index = Operand(common, _distinct, int64)
    return Call((Operand(shape), Operand(_chosen(shape, (axis,), common)), index), {"axes": (axis,)})


def _draw_scatter_op(pick: Pick) -> Call:
    shape = pick.shape(1, 3, 1)
    index = Operand((*shape[:-1], pick.choice(range(1, shape[-1] + 1))), _distinct, int64)
    return Call((Operand(shape), Operand(index.shape), index), {"axis": len(shape) - 1})


def _draw_embedding(pick: Pick) -> Call:
    rows = pick.length(1)
    index = Operand(pick.shape(0, 2), positions(rows), int64)
    # a padding row has no gradient though the result depends on it, which finite differences would object to
    return Call((Operand((rows, pick.length(0))), index), {"padding": None})


def _key(torch: Any, shape: Any, indices: Any, axes: tuple[int, ...]) -> Any:
    """The flat positions that an index chooses, by NumPy: torch has another rule where an axis lies between."""
    key: list[Any] = [slice(None)] * len(shape)
    for axis, index in zip(axes, indices, strict=True):
        key[axis] = index.numpy()
    count = int(np.prod(shape))
    return torch.from_numpy(np.array(np.arange(count).reshape(tuple(shape))[tuple(key)]))


def _torch_index(torch: Any, a: Any, *indices: Any, axes: tuple[int, ...], wrap: bool = True) -> Any:
    return a.reshape(-1)[_key(torch, a.shape, indices, axes)]


def _torch_index_add(torch: Any, src: Any, *indices: Any, axes: tuple[int, ...], shape: Shape) -> Any:
    places = _key(torch, shape, indices, axes).reshape(-1)
    return torch.zeros(int(np.prod(shape)), dtype=src.dtype).index_add(0, places, src.reshape(-1)).reshape(shape)


def _torch_index_put(torch: Any, a: Any, src: Any, *indices: Any, axes: tuple[int, ...]) -> Any:
    places = _key(torch, a.shape, indices, axes).reshape(-1)
    return a.reshape(-1).index_put((places,), src.reshape(-1)).reshape(a.shape)


def _torch_embedding(torch: Any, weight: Any, index: Any, padding: int | None) -> Any:
    return torch.nn.functional.embedding(index, weight, padding_idx=padding)


_float_index = wrong(((3,), "f4"), ((2,), "f4"), axes=(0,))

OP_CASES = (
    Cases(
        "index",
        lambda pick: _flat(_draw_index(pick)),
        tuple(map(_flat, _LISTED_INDEX)),
        dtypes=NUMBERS,
        oracle=_torch_index,
        mistake=_float_index,
    ),
    Cases(
        "index_add",
        lambda pick: _flat(_draw_index_add(pick)),
        tuple(map(_flat, _LISTED_ADD)),
        dtypes=NUMBERS,
        oracle=_torch_index_add,
        mistake=wrong(((2,), "f4"), ((3,), "i8"), axes=(0,), shape=(5,)),
    ),
    Cases(
        "index_put",
        _draw_put_op,
        tuple(map(_flat, _LISTED_PUT)),
        dtypes=NUMBERS,
        oracle=_torch_index_put,
        mistake=wrong(((5,), "f4"), ((2,), "f4"), ((3,), "i8"), axes=(0,)),
    ),
    Cases(
        "gather",
        lambda pick: _flat(_draw_gather(pick)),
        dtypes=NUMBERS,
        oracle=lambda torch, a, index, axis: torch.gather(a, axis, index),
        mistake=wrong(((2, 3), "f4"), ((2,), "i8"), axis=1),
    ),
    Cases(
        "scatter",
        _draw_scatter_op,
        dtypes=NUMBERS,
        oracle=lambda torch, a, src, index, axis: torch.scatter(a, axis, index, src),
        mistake=wrong(((2, 3), "f4"), ((2, 1), "f8"), ((2, 1), "i8"), axis=1),
    ),
    Cases(
        "scatter_add",
        lambda pick: _flat(_draw_scatter_add(pick)),
        dtypes=NUMBERS,
        oracle=lambda torch, src, index, axis, shape: torch.zeros(shape, dtype=src.dtype).scatter_add(axis, index, src),
        mistake=wrong(((2, 3), "f4"), ((2, 1), "i8"), axis=1, shape=(2, 3)),
    ),
    Cases(
        "embedding",
        _draw_embedding,
        dtypes=NUMBERS,
        oracle=_torch_embedding,
        mistake=wrong(((2, 3), "f4"), ((2,), "f4"), padding=None),
    ),
)

KERNELS = KERNEL_CASES
OPS = OP_CASES
