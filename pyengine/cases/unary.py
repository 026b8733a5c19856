"""Cases of the functions of one argument. Where no bound is given, a result is rounded as the definition's is."""

from typing import Any

import numpy as np

from ..backend import Array
from .case import NUMBERS, Call, Cases, Operand, Pick, Shape, Values, nonzero, real, wide, wrong

_SHAPES = ((70_001,), (257, 300), (3, 0, 2), ())


def _positive(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """What roots and logarithms are taken of, away from 0, where their slopes have no bound."""
    return rng.integers(1, 9, shape) if exact else np.asarray(0.1 + np.abs(rng.standard_normal(shape)))


def _between_steps(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """Real numbers at least 0.1 from every whole number and every half."""
    whole = rng.integers(-4, 5, shape)
    return whole if exact else np.asarray(whole + rng.choice([0.25, 0.75], shape) + rng.uniform(-0.15, 0.15, shape))


def _halves(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """Half-way between whole numbers, zeros of both signs, and whole numbers too large for a fraction."""
    return np.asarray(rng.choice([-0.0, 0.0, 0.5, -0.5, 1.5, 2.5, -2.5, 3.0, -1e6, 2.0**60, -0.2], shape))


def _far(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """Beyond the range that sin and cos reduce in vectors, mostly."""
    return np.asarray(rng.standard_normal(shape) * 10.0 ** rng.uniform(4, 12, shape))


def _by_pi(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """As close to multiples of pi/2 as numbers come, and tiny ones."""
    near = rng.integers(-9999, 9999, shape) * (np.pi / 2)
    return np.asarray(np.where(rng.random(shape) < 0.9, near, 1e-9 * rng.standard_normal(shape)))


def _draw(values: Values) -> Any:
    def draw(pick: Pick) -> Call:
        return Call((Operand(pick.shape(), values),))

    return draw


def _listed(*values: Values) -> tuple[Call, ...]:
    return tuple(Call((Operand(shape, v),)) for v in values for shape in _SHAPES)


def _ulps(count: int) -> Any:
    """A bound in units in the last place, each at most 2 u of a result; csrc/cpu/vec_*.h say how many are measured."""
    return lambda outputs, *operands: (2 * count * np.abs(outputs[0]),)


def _both(name: str, values: Values, extra: tuple[Values, ...], **rest: Any) -> tuple[Cases, Cases]:
    """The cases of a kernel, tried on `extra` values too, and of the operation, where the gradient is wanted."""
    kernel = Cases(name, _draw(extra[0] if extra else values), _listed(values, *extra), aliases=(0,), **rest)
    mistake = wrong(((2,), "?" if rest.get("dtypes") == NUMBERS else "i8"))
    op = Cases(
        name,
        _draw(values),
        _listed(values),
        aliases=(0,),
        oracle=lambda torch, a: getattr(torch, name)(a),
        mistake=mistake,
        **rest,
    )
    return kernel, op


_PAIRS = (
    _both("abs", nonzero, (real, wide), dtypes=NUMBERS),
    _both("sign", nonzero, (real, wide), dtypes=NUMBERS),
    _both("sqrt", _positive, (wide,), exact=False),
    _both("rsqrt", _positive, (wide,), exact=False),
    _both("reciprocal", nonzero, (wide,), exact=False),
    _both("log", _positive, (wide,), error=_ulps(1), exact=False),
    _both("log1p", _positive, (wide,), error=_ulps(1), exact=False),
    _both("expm1", real, (wide,), error=_ulps(2), exact=False),
    _both("sin", real, (wide, _far, _by_pi), error=_ulps(1), exact=False),
    _both("cos", real, (wide, _far, _by_pi), error=_ulps(1), exact=False),
    _both("tanh", real, (wide,), error=_ulps(3), exact=False),
    _both("sigmoid", real, (wide,), error=_ulps(3), exact=False),
    _both("erf", real, (wide,), error=_ulps(3), exact=False),  # of these 1 is of math.erf, the definition in float64
    _both("floor", _between_steps, (_halves, wide)),
    _both("ceil", _between_steps, (_halves, wide)),
    _both("round", _between_steps, (_halves, wide)),
    _both("trunc", _between_steps, (_halves, wide)),
)

KERNELS = tuple(kernel for kernel, _ in _PAIRS)
OPS = tuple(op for _, op in _PAIRS)
