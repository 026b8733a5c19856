"""Cases of layer normalisation and its gradient."""

from typing import Any

import numpy as np

from ..backend import Array
from .case import Call, Cases, Operand, Pick, Shape, wrong

_EPS = 0.5  # so much that a row of equal elements, drawn as a repeated one, does not amplify rounding errors
_SHAPES = ((1000, 10), (3, 5003), (257, 300), (2, 3, 65), (20, 3), (0, 5))


def _shape(pick: Pick) -> Shape:
    """Rows of at least 3: of two elements, normalised, nothing is left but their order."""
    return tuple(max(n, 3) for n in pick.shape(least=1, most=3, least_length=1))


def _forward(shape: Shape) -> Call:
    column = Operand(shape[-1:])
    return Call((Operand(shape), column, column), {"eps": _EPS})


def _backward(shape: Shape) -> Call:
    return Call((Operand(shape), Operand(shape), Operand(shape[-1:])), {"eps": _EPS})


def _rows(a: Array, eps: float) -> tuple[Array, Array, Array]:
    """x and rstd, and the error of x."""
    n = max(a.shape[-1], 1)
    centred = a - a.sum(axis=-1, keepdims=True) / n
    rstd = 1 / np.sqrt((centred**2).sum(axis=-1, keepdims=True) / n + eps)
    x = centred * rstd
    # The mean is a sum: 2√n relative to the mean of |a|. rstd errs relatively by half of what the variance does, a dot
    # product of deviations that are off by the mean's error, and by three roundings more.
    of_mean = (2 * np.sqrt(n) + 1) * np.abs(a).sum(axis=-1, keepdims=True) / n
    return x, rstd, rstd * of_mean + np.abs(x) * (_relative(n) + 2 * rstd * of_mean)


def _relative(n: int) -> Any:
    return 2 * np.sqrt(n) + 8


def _error(outputs: Any, a: Array, weight: Array, bias: Array, eps: float = 1e-5) -> tuple[Array, Array]:
    x, rstd, of_x = _rows(a, eps)
    n = max(a.shape[-1], 1)
    of_mean = (2 * np.sqrt(n) + 1) * np.abs(a).sum(axis=-1, keepdims=True) / n
    y = np.abs(weight) * (of_x + 2 * np.abs(x)) + np.abs(bias)
    return y, (rstd * (_relative(n) + 2 * rstd * of_mean))[..., 0]


def _backward_error(
    outputs: Any, grad: Array, a: Array, weight: Array, eps: float = 1e-5
) -> tuple[Array, Array, Array]:
    x, rstd, of_x = _rows(a, eps)
    n, h = max(a.shape[-1], 1), np.abs(grad * weight)
    rows = tuple(range(a.ndim - 1))
    count = a.size // n

    def mean(v: Array) -> Array:
        return v.sum(axis=-1, keepdims=True) / n

    # da = rstd·(h - mean h - x·mean(h·x)): every term with its own error and that of rstd, which is of_rstd
    size = h + mean(h) + np.abs(x) * mean(h * np.abs(x))
    of_rstd = _relative(n) + 2 * rstd * (2 * np.sqrt(n) + 1) * mean(np.abs(a))
    da = rstd * (
        (of_rstd + 6) * size
        + (2 * np.sqrt(n) + 4) * (mean(h) + np.abs(x) * mean(h * np.abs(x)))
        + of_x * mean(h * np.abs(x))
        + np.abs(x) * mean(h * of_x)
    )
    dweight = (np.abs(grad) * (of_x + (2 * np.sqrt(count) + 2) * np.abs(x))).sum(axis=rows)
    return da, dweight, 2 * np.sqrt(count) * np.abs(grad).sum(axis=rows)


def _torch_forward(torch: Any, a: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Any:
    rstd = 1 / torch.sqrt(a.var(-1, correction=0) + eps)
    return torch.nn.functional.layer_norm(a, a.shape[-1:], weight, bias, eps), rstd


def _torch_backward(torch: Any, grad: Any, a: Any, weight: Any, eps: float = 1e-5) -> Any:
    rstd = 1 / torch.sqrt(a.var(-1, correction=0, keepdim=True) + eps)
    x, h = (a - a.mean(-1, keepdim=True)) * rstd, grad * weight
    da = rstd * (h - h.mean(-1, keepdim=True) - x * (h * x).mean(-1, keepdim=True))
    n = a.shape[-1]
    return da, (grad * x).reshape(-1, n).sum(0), grad.reshape(-1, n).sum(0)


LAYER_NORM = Cases(
    "layer_norm",
    lambda pick: _forward(_shape(pick)),
    tuple(map(_forward, _SHAPES)),
    error=_error,
    exact=False,
    oracle=_torch_forward,
    mistake=wrong(((2, 3), "f4"), ((2,), "f4"), ((3,), "f4")),
)
LAYER_NORM_BACKWARD = Cases(
    "layer_norm_backward",
    lambda pick: _backward(_shape(pick)),
    tuple(map(_backward, _SHAPES)),
    error=_backward_error,
    exact=False,
    oracle=_torch_backward,
    mistake=wrong(((3, 2), "f4"), ((2, 3), "f4"), ((3,), "f4")),
)

KERNELS = OPS = (LAYER_NORM, LAYER_NORM_BACKWARD)
