"""Cases of clipping."""

from typing import Any

import numpy as np

from ..backend import Array
from .case import Call, Cases, Operand, Pick, Shape, constant, real

_SHAPES: tuple[tuple[Shape, ...], ...] = (
    ((3, 5),),
    ((70_001,),),
    ((70_001,), (), (0, 4), (128, 130)),
    ((128, 64), (128,), (10, 128), (10,)),
)


def _arrays(shapes: tuple[Shape, ...]) -> tuple[Operand, ...]:
    return tuple(Operand(shape, real) for shape in shapes)


def _draw_shapes(pick: Pick) -> tuple[Shape, ...]:
    return tuple(pick.shape(most=3) for _ in range(pick.choice((1, 2, 3))))


def _norm_error(outputs: Any, arrays: list[Array]) -> tuple[Any, ...]:
    # n squares are summed with roundings of random sign, which grow as √n; the root halves the relative error. A
    # float32 is summed in float64, and this bound is very generous for it.
    return ((2 + np.sqrt(sum(a.size for a in arrays))) * outputs[0],)


def _draw_norm(pick: Pick) -> Call:
    return Call((_arrays(_draw_shapes(pick)),))


GLOBAL_NORM = Cases("global_norm", _draw_norm, tuple(Call((_arrays(shapes),)) for shapes in _SHAPES), error=_norm_error)


def _factor(norm: float, max_norm: float, shape: Shape = ()) -> Call:
    return Call((Operand(shape, constant(norm)),), {"max_norm": max_norm})


def _draw_factor(pick: Pick) -> Call:
    return _factor(pick.choice((0.0, 0.5, 3.0, 1e30)), pick.choice((0.0, 0.1, 1.0, 1e9)), pick.choice(((), (1,))))


def _factor_error(outputs: Any, norm: Array, max_norm: float) -> tuple[Any, ...]:
    return (3 * np.abs(outputs[0]),)  # a sum and a quotient, and the rounding to the dtype of the norm


CLIP_FACTOR = Cases(
    "clip_factor", _draw_factor, (_factor(2.0, 1.0), _factor(0.5, 1.0), _factor(0.0, 1.0, (1,))), error=_factor_error,
    exact=False,
)  # fmt: skip


def _scale(shapes: tuple[Shape, ...], factor: float) -> Call:
    return Call((_arrays(shapes), Operand((1,), constant(factor))))


def _draw_scale(pick: Pick) -> Call:
    return _scale(_draw_shapes(pick), pick.choice((1.0, 0.5, -0.25)))


SCALE_ALL = Cases(
    "scale_all", _draw_scale, (_scale((), 0.5), *(_scale(shapes, 0.5) for shapes in _SHAPES)), in_place=(0,)
)


def _clamp(shapes: tuple[Shape, ...], limit: float) -> Call:
    return Call((_arrays(shapes),), {"limit": limit})


def _draw_clamp(pick: Pick) -> Call:
    return _clamp(_draw_shapes(pick), pick.choice((1.0, 0.5, 0.0)))


CLAMP_ALL = Cases(
    "clamp_all", _draw_clamp, (_clamp((), 0.5), *(_clamp(shapes, 0.5) for shapes in _SHAPES)), in_place=(0,)
)

KERNELS = (GLOBAL_NORM, CLIP_FACTOR, SCALE_ALL, CLAMP_ALL)
OPS = ()
