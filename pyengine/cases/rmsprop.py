"""Cases of the RMSprop step."""

from typing import Any

import numpy as np

from ..backend import Array
from .adam import squares
from .case import Call, Cases, Operand, Pick, Shape, constant, real


def _halves(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """Running means, in [-0.5, 0.5]: no mean square from `squares` is below the square of one."""
    return np.asarray(rng.uniform(-0.5, 0.5, shape))


def _call(shapes: tuple[Shape, ...], centered: bool, momentum: float, weight_decay: float) -> Call:
    each = tuple(Operand(shape, real) for shape in shapes)
    positive, means = (tuple(Operand(shape, values) for shape in shapes) for values in (squares, _halves))
    counts = tuple(Operand((), constant(3)) for _ in shapes)
    lists = (each, each, positive, means if centered else (), each if momentum else (), counts)
    scalars = (Operand((1,), constant(0.25)), Operand((1,), constant(momentum)))
    return Call((*lists, *scalars), {"alpha": 0.75, "eps": 1e-8, "weight_decay": weight_decay})


def _draw(pick: Pick) -> Call:
    shapes = tuple(pick.shape(most=3) for _ in range(pick.choice((1, 2, 3))))
    return _call(shapes, pick.flag(), pick.choice((0.0, 0.5)), pick.choice((0.0, 0.25)))


_LAYERS = ((128, 64), (128,), (10, 128), (10,))
_LISTED = (
    _call((), False, 0.0, 0.0),
    _call(((70_001,),), False, 0.0, 0.0),
    _call(((70_001,), (3,)), True, 0.5, 0.25),
    _call(_LAYERS, True, 0.0, 0.0),
    _call(_LAYERS, False, 0.5, 0.25),
)


def _error(
    outputs: Any,
    params: list[Array],
    grads: list[Array],
    square_avgs: list[Array],
    grad_avgs: list[Array],
    buffers: list[Array],
    steps: list[Array],
    lr: Array,
    momentum: Array,
    alpha: float,
    eps: float,
    weight_decay: float,
) -> tuple[Any, ...]:
    # To first order: each result is off by at most some four roundings of its own terms, plus what its operands are
    # off by, times its derivative by them.
    errors: list[list[Any]] = [[], [], [], []]
    for i, (p, g, square) in enumerate(zip(params, grads, square_avgs, strict=True)):
        step, off_step = g + weight_decay * p, 2 * (np.abs(g) + weight_decay * np.abs(p))
        off_square = 4 * (alpha * np.abs(square) + (1 - alpha) * step**2) + 2 * (1 - alpha) * np.abs(step) * off_step
        variance, off_variance = alpha * square + (1 - alpha) * step**2, off_square
        if grad_avgs:
            mean = alpha * grad_avgs[i] + (1 - alpha) * step
            off_mean = 4 * (alpha * np.abs(grad_avgs[i]) + (1 - alpha) * np.abs(step)) + (1 - alpha) * off_step
            errors[2].append(off_mean)
            off_variance = off_variance + 2 * (variance + mean**2) + 2 * np.abs(mean) * off_mean
            variance = variance - mean**2
        root = np.sqrt(variance)
        off_root = 2 * root + np.divide(off_variance, 2 * root, out=np.zeros_like(root), where=root > 0)
        size = np.abs(1 / (root + eps))
        off_move = size * (off_step + np.abs(step) * (4 + off_root * size))
        off_move = np.where(np.isnan(off_move), 0, off_move)  # over an infinite root a move is 0, exactly
        move = np.abs(step) * size
        if buffers:
            kept = momentum.reshape(()) * np.abs(buffers[i])
            off_move = off_move + 3 * (kept + move)
            move = kept + move
            errors[3].append(off_move)
        errors[0].append(2 * np.abs(p) + np.abs(lr.reshape(())) * (3 * move + off_move))
        errors[1].append(off_square)
    return (*(e for each in errors for e in each), *(np.zeros(()) for _ in steps))


RMSPROP_STEP = Cases("rmsprop_step", _draw, _LISTED, error=_error, exact=False, in_place=(0, 2, 3, 4, 5))

KERNELS = (RMSPROP_STEP,)
OPS = ()
