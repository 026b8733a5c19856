"""Cases of log_softmax, of its gradient, and of logsumexp."""

from typing import Any

import numpy as np

from ..backend import Array
from .case import Call, Cases, Operand, Pick, Shape, real, wide, wrong

_SHAPES = ((1000, 10), (3, 20_003), (257, 300), (2, 3, 65), (4, 1), (0, 5))


def _logs(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """Logarithms of numbers below 1."""
    return -rng.integers(0, 4, shape) if exact else -np.abs(rng.standard_normal(shape))


def _draw_last(pick: Pick) -> Call:
    return Call((Operand(pick.shape(least=1, least_length=1), wide),))


def _draw_op(pick: Pick) -> Call:
    shape = pick.shape(least=1)
    return Call((Operand(shape, real),), {"axis": pick.choice(range(-len(shape), len(shape)))})


def _draw_backward(pick: Pick) -> Call:
    shape = pick.shape(least=1)
    return Call((Operand(shape), Operand(shape, _logs)))


def _draw_logsumexp(pick: Pick) -> Call:
    shape = pick.shape(least_length=1)
    return Call((Operand(shape, real),), {"axis": pick.axes(len(shape)), "keepdims": pick.flag()})


def log_sum_error(spread: Array, terms: int) -> Array:
    """The error of log Σ exp(a - max) in units of u: exp and the sum err relatively, which log makes absolute."""
    return np.sqrt(terms) + 6 + 2 * spread


def _error(outputs: Any, a: Array, axis: int = -1) -> tuple[Array]:
    # a - max is rounded, and so is its difference with the logarithm
    if not a.size:
        return (a,)
    distance = np.abs(a - a.max(axis=axis, keepdims=True))
    spread = np.log(np.exp(-distance).sum(axis=axis, keepdims=True))
    return (log_sum_error(spread, a.shape[axis]) + 2 * distance + np.abs(outputs[0]),)


def _backward_error(outputs: Any, grad: Array, y: Array) -> tuple[Array]:
    # a sum of n terms, exp good to 4 u, a product and a difference
    size = np.abs(grad).sum(axis=-1, keepdims=True)
    return (np.abs(grad) + (2 * np.sqrt(y.shape[-1]) + 6) * np.exp(y) * size,)


def _logsumexp_error(outputs: Any, a: Array, axis: Any = -1, keepdims: bool = False) -> tuple[Array]:
    y = outputs[0]
    most = a.max(axis=axis, keepdims=keepdims)
    terms = a.size // max(y.size, 1)
    # Σ n roundings of a - max count by their share of the sum, at most by the largest distance that is not negligible
    return (log_sum_error(np.abs(y - most), terms) + np.abs(y) + np.abs(most) + 40,)


LOG_SOFTMAX_KERNEL = Cases(
    "log_softmax", _draw_last, tuple(Call((Operand(s, wide),)) for s in _SHAPES), error=_error, exact=False
)
LOG_SOFTMAX = Cases(
    "log_softmax",
    _draw_op,
    (*(Call((Operand(s),)) for s in _SHAPES), Call((Operand((300, 17)),), {"axis": 0})),
    error=_error,
    exact=False,
    oracle=lambda torch, a, axis=-1: torch.log_softmax(a, axis),
    mistake=wrong(((), "f4")),
)
LOG_SOFTMAX_BACKWARD = Cases(
    "log_softmax_backward",
    _draw_backward,
    tuple(Call((Operand(s), Operand(s, _logs))) for s in _SHAPES),
    error=_backward_error,
    exact=False,
    oracle=lambda torch, grad, y: grad - torch.exp(y) * grad.sum(-1, keepdim=True),
    mistake=wrong(((2,), "f4"), ((2,), "f8")),
)
LOGSUMEXP_KERNEL = Cases(
    "logsumexp", _draw_last, tuple(Call((Operand(s, wide),)) for s in _SHAPES), error=_logsumexp_error, exact=False
)
LOGSUMEXP = Cases(
    "logsumexp",
    _draw_logsumexp,
    (*(Call((Operand(s),)) for s in _SHAPES), Call((Operand((30, 7, 40)),), {"axis": (0, 2), "keepdims": True})),
    error=_logsumexp_error,
    exact=False,
    oracle=lambda torch, a, axis=-1, keepdims=False: (
        a.clone()
        if axis == () or not a.ndim
        else torch.logsumexp(a, tuple(range(a.ndim)) if axis is None else axis, keepdim=keepdims)
    ),
    mistake=wrong(((2, 3), "i8")),
)

KERNELS = (LOG_SOFTMAX_KERNEL, LOG_SOFTMAX_BACKWARD, LOGSUMEXP_KERNEL)
OPS = (LOG_SOFTMAX, LOG_SOFTMAX_BACKWARD, LOGSUMEXP)
