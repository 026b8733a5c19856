"""RMSprop, one call over all parameters, in place."""

from collections.abc import Sequence

import numpy as np

from ._common import Array, ieee
from ._params import alike, one_step_more

__all__ = ["rmsprop_step"]


@ieee
def rmsprop_step(
    params: Sequence[Array],
    grads: Sequence[Array],
    square_avgs: Sequence[Array],
    grad_avgs: Sequence[Array],
    buffers: Sequence[Array],
    steps: Sequence[Array],
    lr: Array,
    momentum: Array,
    alpha: float = 0.99,
    eps: float = 1e-08,
    weight_decay: float = 0.0,
) -> None:
    alike("rmsprop_step", params, grads=grads, square_avgs=square_avgs)
    if grad_avgs:
        alike("rmsprop_step", params, grad_avgs=grad_avgs)
    if buffers:
        alike("rmsprop_step", params, buffers=buffers)
    if lr.size != 1 or momentum.size != 1:
        raise ValueError(f"rmsprop_step: lr {lr.shape} and momentum {momentum.shape} must have one element each")
    one_step_more("rmsprop_step", params, steps)
    for i, (p, g, square) in enumerate(zip(params, grads, square_avgs, strict=True)):
        number = p.dtype.type
        g = g + number(weight_decay) * p
        square[...] = number(alpha) * square + number(1 - alpha) * g * g
        variance = square
        if grad_avgs:
            grad_avgs[i][...] = number(alpha) * grad_avgs[i] + number(1 - alpha) * g
            variance = square - grad_avgs[i] * grad_avgs[i]
        move = g / (np.sqrt(variance) + number(eps))
        if buffers:
            buffers[i][...] = momentum.reshape(()).astype(p.dtype) * buffers[i] + move
            move = buffers[i]
        p -= lr.reshape(()).astype(p.dtype) * move
