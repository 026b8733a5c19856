"""Cases of mean and variance."""

from typing import Any

import numpy as np

from ..backend import Array
from .case import Call, Cases, Operand, Pick, Shape, wrong

_SHAPES = ((1000, 10), (3, 20_003), (257, 300), (2, 3, 65), (70_001,), (0, 5))


def _offset(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """Far from 0 in units of their spread, where Σ a² - n·mean² would cancel."""
    return np.asarray(100.0 + rng.standard_normal(shape))


def _lengthened(pick: Pick) -> Shape:
    """At least two elements along each axis: a single one has no spread."""
    return tuple(max(n, 2) for n in pick.shape(least=1, least_length=1))


def _draw(pick: Pick) -> Call:
    return Call((Operand(_lengthened(pick), _offset),), {"correction": pick.choice((0.0, 1.0)), "root": pick.flag()})


def _draw_op(pick: Pick) -> Call:
    shape = _lengthened(pick)
    axis = pick.axes(len(shape))
    if axis == ():  # the variance of single numbers is 0, where std has a kink
        axis = None
    attrs = {"correction": pick.choice((0.0, 1.0)), "root": pick.flag(), "keepdims": pick.flag()}
    return Call((Operand(shape, _offset),), {"axis": axis, **attrs})


def _error(
    outputs: Any, a: Array, axis: Any = -1, correction: float = 1.0, root: bool = False, keepdims: bool = False
) -> tuple[Array, Array]:
    # The mean is a sum: 2√n·u relative to the mean of |a|. Deviations d are off by that and a rounding; their common
    # part e cancels from Σ(d + e)² = Σd² + n·e² but for its square and, as Σd is rounded, 2·e·Σd. Squares and their sum
    # round like a dot product, and std halves a relative error and rounds once more; where all is equal, it is e.
    out = outputs[0]
    n = a.size // max(out.size, 1)
    size = np.abs(a).mean(axis=axis, keepdims=keepdims)
    of_mean = (2 * np.sqrt(n) + 1) * size
    spread = np.sqrt(((a - a.mean(axis=axis, keepdims=True)) ** 2).sum(axis=axis, keepdims=keepdims))
    degrees = max(n - correction, 1.0)
    variance = spread**2 / degrees
    of_variance = (2 * np.sqrt(n) + 4) * variance + 2 * spread / degrees * (of_mean / np.sqrt(n) + np.sqrt(n) * size)
    unit = np.finfo(np.float32 if a.dtype == np.float64 else np.float64).eps / 2  # the operands come widened
    square = of_mean**2 * unit * n / degrees
    if not root:
        return of_variance + square, of_mean
    of_root = np.where(out > 0, of_variance / (2 * out) + out, 0)
    return of_root + np.fmin(square / (2 * out), np.sqrt(n / degrees) * of_mean), of_mean


def _torch_var(
    torch: Any, a: Any, axis: Any = -1, correction: float = 1.0, root: bool = False, keepdims: bool = False
) -> Any:
    function = torch.std_mean if root else torch.var_mean
    return function(a, tuple(range(a.ndim)) if axis is None else axis, correction=correction, keepdim=keepdims)


def _listed(**attrs: Any) -> tuple[Call, ...]:
    return tuple(Call((Operand(shape, _offset),), attrs) for shape in _SHAPES)


VAR_KERNEL = Cases("var", _draw, (*_listed(), *_listed(correction=0.0, root=True)), error=_error, exact=False)
VAR = Cases(
    "var",
    _draw_op,
    (*_listed(), Call((Operand((30, 7, 40), _offset),), {"axis": (0, 2), "root": True, "keepdims": True})),
    error=_error,
    exact=False,
    repeats=False,
    oracle=_torch_var,
    mistake=wrong(((2, 3), "i8")),
)

KERNELS = (VAR_KERNEL,)
OPS = (VAR,)
