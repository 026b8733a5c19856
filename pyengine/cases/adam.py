"""Cases of the Adam step."""

from typing import Any

import numpy as np

from ..backend import Array
from .case import Call, Cases, Operand, Pick, Shape, constant, real

_BETAS = np.dtype(np.float64)


def squares(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """Running means of squares: positive, from 0.5 on."""
    return rng.integers(1, 5, shape) if exact else 0.5 + np.asarray(rng.standard_normal(shape)) ** 2


def _call(shapes: tuple[Shape, ...], steps: int, amsgrad: bool, weight_decay: float, decoupled: bool) -> Call:
    each = tuple(Operand(shape, real) for shape in shapes)
    positive = tuple(Operand(shape, squares) for shape in shapes)
    counts = tuple(Operand((), constant(steps)) for _ in shapes)
    lists = (each, each, each, positive, positive if amsgrad else (), counts)
    scalars = (Operand((1,), constant(0.25)), Operand((2,), constant(0.9, 0.999), _BETAS))
    return Call((*lists, *scalars), {"eps": 1e-8, "weight_decay": weight_decay, "decoupled": decoupled})


def _draw(pick: Pick) -> Call:
    shapes = tuple(pick.shape(most=3) for _ in range(pick.choice((1, 2, 3))))
    return _call(shapes, pick.choice((0, 1, 1000)), pick.flag(), pick.choice((0.0, 0.25)), pick.flag())


_LAYERS = ((128, 64), (128,), (10, 128), (10,))
_LISTED = (
    _call((), 0, False, 0.0, False),
    _call(((70_001,),), 0, False, 0.0, False),
    _call(((70_001,), (3,)), 5, True, 0.25, True),
    _call(_LAYERS, 0, True, 0.25, False),
    _call(_LAYERS, 100, False, 0.25, True),
)


def _error(
    outputs: Any,
    params: list[Array],
    grads: list[Array],
    exp_avgs: list[Array],
    exp_avg_sqs: list[Array],
    max_exp_avg_sqs: list[Array],
    steps: list[Array],
    lr: Array,
    betas: Array,
    eps: float,
    weight_decay: float,
    decoupled: bool,
) -> tuple[Any, ...]:
    # To first order: each result is off by at most some three roundings of its own terms, plus what its operands are
    # off by, times its derivative by them. The factors are computed in float64: two roundings of float32, about eight
    # where float64 is all there is.
    rate, (beta1, beta2) = lr.reshape(()), betas
    errors: list[list[Any]] = [[], [], [], []]
    for i, (p, g, m, v, t) in enumerate(zip(params, grads, exp_avgs, exp_avg_sqs, steps, strict=True)):
        decay = 0.0 if decoupled else weight_decay
        step = g + decay * p
        off_step = 2 * (np.abs(g) + decay * np.abs(p))
        off_m = 4 * (beta1 * np.abs(m) + (1 - beta1) * np.abs(step)) + (1 - beta1) * off_step
        off_v = 4 * (beta2 * np.abs(v) + (1 - beta2) * step**2) + 2 * (1 - beta2) * np.abs(step) * off_step
        m, v = beta1 * m + (1 - beta1) * step, beta2 * v + (1 - beta2) * step**2
        largest = np.maximum(max_exp_avg_sqs[i], v) if max_exp_avg_sqs else v
        errors[1].append(off_m)
        errors[2].append(off_v)
        off_v = np.where(np.isnan(off_v), 0, off_v)  # v is infinite or NaN: a finite maximum is a copy
        errors[3].append(off_v)
        t = t.reshape(()) + 1
        root = np.sqrt(largest)
        off_root = 3 * root + np.divide(off_v, 2 * root, out=np.zeros_like(root), where=root > 0)
        unbias = 1 / np.sqrt(1 - beta2**t)
        below = root * unbias + eps
        size = np.abs(rate / (1 - beta1**t) / below)
        off_move = size * (off_m + np.abs(m) * (16 + off_root * unbias / below))
        off_move = np.where(np.isnan(off_move), 0, off_move)  # over an infinite root a move is 0, exactly
        errors[0].append(4 * np.abs(p) * (1 + np.abs(rate) * weight_decay) + off_move)
    kept = errors if max_exp_avg_sqs else errors[:3]
    return (*(e for each in kept for e in each), *(np.zeros(()) for _ in steps))


ADAM_STEP = Cases("adam_step", _draw, _LISTED, error=_error, exact=False, in_place=(0, 2, 3, 4, 5))

KERNELS = (ADAM_STEP,)
OPS = ()
