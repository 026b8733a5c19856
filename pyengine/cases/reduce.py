"""Cases of reductions."""

from typing import Any

import numpy as np

from ..backend import Array
from .case import MOST_ELEMENTS, NUMBERS, Call, Cases, Operand, Pick, Shape, Values, real, wrong


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


def _factors(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """Numbers near ±1, so that no product of thousands overflows; exact: ±1, and a few 2 and 0."""
    sign = rng.choice([-1.0, 1.0], shape)
    if not exact:
        return np.asarray(sign * np.exp(0.1 * rng.standard_normal(shape)))
    pick = rng.integers(0, 400, shape)
    return np.asarray(np.where(pick < 2, 0, np.where(pick < 8, 2 * sign, sign)))


def _axes(values: Values) -> Any:
    def draw(pick: Pick) -> Call:
        shape = pick.shape(least_length=1)
        return Call((Operand(shape, values),), {"axis": pick.axes(len(shape)), "keepdims": pick.flag()})

    return draw


def _prod_error(outputs: Any, a: Array, axis: Any = None, keepdims: bool = False) -> tuple[Array]:
    # each of n factors rounds the product once. Signs are random, so √n, and 2 for safety as in a sum; but drawn
    # operands may repeat a factor by a stride of 0, and equal factors round alike: n
    n = a.size // max(outputs[0].size, 1)
    return ((n if a.size <= MOST_ELEMENTS else 2 * np.sqrt(n)) * np.abs(outputs[0]),)


def _no_error(outputs: Any, a: Array, axis: Any = None, keepdims: bool = False) -> tuple[Array]:
    return (np.zeros_like(outputs[0]),)  # one of the elements; of 0.0 and -0.0 it may be either


def _filled(values: Values) -> tuple[Call, ...]:
    calls = (call for call in _LISTED_SUM if 0 not in call.operands[0].shape)  # type: ignore[union-attr]
    return tuple(Call((Operand(call.operands[0].shape, values),), call.attrs) for call in calls)  # type: ignore[union-attr]


def _torch_axes(name: str) -> Any:
    def oracle(torch: Any, a: Any, axis: Any = None, keepdims: bool = False) -> Any:
        if axis == () or not a.ndim:
            return a.clone()
        axes = tuple(range(a.ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis
        if name != "prod":
            return getattr(torch, name)(a, axes, keepdim=keepdims)
        for i in sorted((i % a.ndim for i in axes), reverse=True):
            a = a.prod(i, keepdim=keepdims)
        return a

    return oracle


def _table(name: str, values: Values, error: Any) -> Cases:
    return Cases(
        name,
        _axes(values),
        _filled(values),
        dtypes=NUMBERS,
        error=error,
        oracle=_torch_axes(name),
        mistake=wrong(((2, 3), "f4"), axis=2),
    )


def _truths(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    return rng.random(shape) < rng.choice([0.02, 0.5, 0.98])


PROD = _table("prod", _factors, _prod_error)
AMAX, AMIN = _table("amax", real, _no_error), _table("amin", real, _no_error)
ANY, ALL = (
    Cases(name, _axes(_truths), (*_filled(_truths), *_LISTED_SUM[-3:]), dtypes=(np.dtype(np.bool_),))
    for name in ("any", "all")
)

KERNELS = (SUM, PROD, AMAX, AMIN, ANY, ALL)
OPS = (SUM, PROD, AMAX, AMIN)
