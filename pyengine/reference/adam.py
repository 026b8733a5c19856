"""Adam and AdamW, one call over all parameters, in place."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ._common import Array, ieee
from ._params import alike, one_step_more

__all__ = ["adam_step"]


@ieee
def adam_step(
    params: Sequence[Array],
    grads: Sequence[Array],
    exp_avgs: Sequence[Array],
    exp_avg_sqs: Sequence[Array],
    max_exp_avg_sqs: Sequence[Array],
    steps: Sequence[Array],
    lr: Array,
    betas: Array,
    eps: float = 1e-08,
    weight_decay: float = 0.0,
    decoupled: bool = False,
) -> None:
    alike("adam_step", params, grads=grads, exp_avgs=exp_avgs, exp_avg_sqs=exp_avg_sqs)
    if max_exp_avg_sqs:
        alike("adam_step", params, max_exp_avg_sqs=max_exp_avg_sqs)
    one_step_more("adam_step", params, steps)
    for i, (p, g, m, v, t) in enumerate(zip(params, grads, exp_avgs, exp_avg_sqs, steps, strict=True)):
        wide = np.promote_types(p.dtype, np.float64)  # of the factors that all elements share
        rate, (beta1, beta2) = lr.reshape(()).astype(wide), betas.astype(wide)
        t = t.reshape(()).astype(wide)
        g = g + p.dtype.type(0 if decoupled else weight_decay) * p
        if decoupled:
            p *= (1 - rate * weight_decay).astype(p.dtype)
        m[...] = beta1.astype(p.dtype) * m + (1 - beta1).astype(p.dtype) * g
        v[...] = beta2.astype(p.dtype) * v + (1 - beta2).astype(p.dtype) * g * g
        if max_exp_avg_sqs:
            np.maximum(max_exp_avg_sqs[i], v, out=max_exp_avg_sqs[i])
            v = max_exp_avg_sqs[i]
        unbias = (1 / np.sqrt(_bias(beta2, t))).astype(p.dtype)
        p -= (rate / _bias(beta1, t)).astype(p.dtype) * m / (np.sqrt(v) * unbias + p.dtype.type(eps))


def _bias(beta: Any, t: Any) -> Any:
    """1 - βᵗ, without losing the digits of a β near 1."""
    return -np.expm1(t * np.log(beta))
