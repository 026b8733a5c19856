"""Stochastic gradient descent, one call over all parameters, in place."""

from collections.abc import Sequence

from ._common import Array, ieee

__all__ = ["sgd_step"]


@ieee
def sgd_step(
    params: Sequence[Array],
    grads: Sequence[Array],
    buffers: Sequence[Array],
    lr: Array,
    momentum: Array,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> None:
    if len(params) != len(grads) or len(buffers) not in (0, len(params)):
        raise ValueError(f"sgd_step: {len(params)} params, {len(grads)} grads, {len(buffers)} buffers")
    if lr.size != 1 or momentum.size != 1:
        raise ValueError(f"sgd_step: lr {lr.shape} and momentum {momentum.shape} must have one element each")
    for i, (p, g) in enumerate(zip(params, grads, strict=True)):
        if p.shape != g.shape or p.dtype != g.dtype:
            raise ValueError(f"sgd_step: params[{i}] is {p.dtype}{p.shape}, its gradient {g.dtype}{g.shape}")
        step = g + p.dtype.type(weight_decay) * p
        if buffers:
            keep = momentum.reshape(()).astype(p.dtype)
            buffers[i][...] = keep * buffers[i] + step
            step = step + keep * buffers[i] if nesterov else buffers[i]
        p -= lr.reshape(()).astype(p.dtype) * step
