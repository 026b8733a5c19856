"""Cases of the division by the root mean square and its gradient."""

from typing import Any

import numpy as np

from ..backend import Array
from .case import Call, Cases, Operand, Pick, Shape, wrong

_EPS = 0.5  # so much that a row of zeros, or of tiny elements, does not amplify rounding errors
_SHAPES = ((1000, 10), (3, 5003), (257, 300), (2, 3, 65), (20, 3), (0, 5))


def _shape(pick: Pick) -> Shape:
    return pick.shape(least=1, most=3, least_length=1)


def _forward(shape: Shape) -> Call:
    return Call((Operand(shape), Operand(shape[-1:])), {"eps": _EPS})


def _positive(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    return np.asarray(rng.integers(1, 3, shape) if exact else rng.uniform(0.2, 1.5, shape))


def _backward(shape: Shape) -> Call:
    return Call((Operand(shape), Operand(shape), Operand(shape[-1:]), Operand(shape[:-1], _positive)))


def _error(outputs: Any, a: Array, weight: Array, eps: float = 1e-5) -> tuple[Array, Array]:
    y, rstd = outputs
    # The mean square is a sum of n positive terms, off by 2√n + 2 of itself; the root halves that; three roundings.
    relative = np.sqrt(max(a.shape[-1], 1)) + 5
    return (relative + 2) * np.abs(y), relative * rstd


def _backward_error(outputs: Any, grad: Array, a: Array, weight: Array, rstd: Array) -> tuple[Array, Array]:
    n, h, r = max(a.shape[-1], 1), np.abs(grad * weight), rstd[..., None]
    mean = (h * np.abs(a)).sum(axis=-1, keepdims=True) / n
    rows = tuple(range(a.ndim - 1))
    count = a.size // n
    da = 4 * r * h + (2 * np.sqrt(n) + 8) * np.abs(a) * r**3 * mean
    return da, (2 * np.sqrt(count) + 4) * np.abs(grad * a * r).sum(axis=rows)


def _torch_forward(torch: Any, a: Any, weight: Any, eps: float = 1e-5) -> Any:
    rstd = 1 / torch.sqrt(a.square().mean(-1) + eps)
    return torch.nn.functional.rms_norm(a, a.shape[-1:], weight, eps), rstd


def _torch_backward(torch: Any, grad: Any, a: Any, weight: Any, rstd: Any) -> Any:
    h, r = grad * weight, rstd[..., None]
    da = r * h - a * r**3 * (h * a).mean(-1, keepdim=True)
    return da, (grad * a * r).reshape(-1, a.shape[-1]).sum(0)


RMS_NORM = Cases(
    "rms_norm",
    lambda pick: _forward(_shape(pick)),
    tuple(map(_forward, _SHAPES)),
    error=_error,
    exact=False,
    oracle=_torch_forward,
    mistake=wrong(((2, 3), "f4"), ((2,), "f4")),
)
RMS_NORM_BACKWARD = Cases(
    "rms_norm_backward",
    lambda pick: _backward(_shape(pick)),
    tuple(map(_backward, _SHAPES)),
    error=_backward_error,
    exact=False,
    oracle=_torch_backward,
    mistake=wrong(((3, 2), "f4"), ((2, 3), "f4"), ((3,), "f4"), ((2,), "f4")),
)

KERNELS = OPS = (RMS_NORM, RMS_NORM_BACKWARD)
