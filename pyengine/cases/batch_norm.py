"""Cases of batch normalisation, its gradient, and the running statistics."""

from typing import Any

import numpy as np

from ..backend import Array
from ..dtypes import int64
from .case import Call, Cases, Operand, Pick, Shape, constant, wrong

_EPS = 0.5  # so much that equal elements, drawn as a repeated one, do not amplify rounding errors
# Rows of many vectors and of few elements, few channels in many blocks, channels alone, nothing
_SHAPES = ((6, 9, 7, 13), (3, 2, 70, 60), (40, 11, 3), (300, 33), (9001, 2), (2, 3, 0), (0, 3))


def _shape(pick: Pick) -> Shape:
    """At least 3 elements a channel: of two, normalised, nothing is left but their order."""
    n, c, *rest = pick.shape(least=2, most=4, least_length=1)
    return (max(n, 3), c, *rest)


def _positive(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    return np.asarray(0.25 + rng.random(shape))


def _forward(shape: Shape) -> Call:
    column = Operand(shape[1:2])
    return Call((Operand(shape), column, column), {"eps": _EPS})


def _eval(shape: Shape) -> Call:
    column = Operand(shape[1:2])
    return Call((Operand(shape), column, column, column, Operand(shape[1:2], _positive)), {"eps": _EPS})


def _backward(shape: Shape) -> Call:
    column = Operand(shape[1:2])
    return Call((Operand(shape), Operand(shape), column, column, Operand(shape[1:2], _positive)), {"eps": _EPS})


def _track(channels: int, count: float, momentum: float, counted: bool) -> Call:
    column, positive = Operand((channels,)), Operand((channels,), _positive)
    batches = (Operand((), constant(6.0), int64),) if counted or momentum < 0 else ()
    return Call(((column, positive, *batches), column, positive), {"count": count, "momentum": momentum})


def _draw_track(pick: Pick) -> Call:
    return _track(pick.length(), pick.choice((2.0, 100.0)), pick.choice((0.1, 0.5, -1.0)), pick.flag())


def _channels(v: Array, a: Array) -> Array:
    return np.asarray(v.reshape(-1, *(1,) * (a.ndim - 2)))


def _over(a: Array) -> tuple[int, ...]:
    return (0, *range(2, a.ndim))


def _count(a: Array) -> int:
    return max(a.size // max(a.shape[1], 1), 1)


def _error(outputs: Any, a: Array, weight: Array, bias: Array, eps: float = 1e-5) -> tuple[Array, Array, Array]:
    _, mean, variance = outputs
    n, over = _count(a), _over(a)
    # The mean is a sum: 2√n relative to the mean of |a|. The variance is a dot product of deviations off by the
    # mean's error, of which the common part cancels but for its square and for the deviations' own rounding.
    of_mean = (2 * np.sqrt(n) + 2) * np.abs(a).sum(axis=over) / n
    unit = np.finfo(np.float32 if a.dtype == np.float64 else np.float64).eps / 2
    of_variance = (2 * np.sqrt(n) + 8) * variance + 4 * np.sqrt(variance) * of_mean + of_mean**2 * unit
    rstd = 1 / np.sqrt(variance + eps)
    x = (a - _channels(mean, a)) * _channels(rstd, a)
    of_rstd = 4 + of_variance * rstd**2 / 2  # relative
    of_x = _channels(rstd * of_mean, a) + np.abs(x) * (_channels(of_rstd, a) + 2)
    y = np.abs(_channels(weight, a)) * (of_x + 2 * np.abs(x)) + 2 * np.abs(_channels(bias, a))
    return y, of_mean, of_variance


def _eval_error(
    outputs: Any, a: Array, weight: Array, bias: Array, mean: Array, variance: Array, eps: float = 1e-5
) -> tuple[Array]:
    # about six roundings of the scaled deviation, of which that of the difference is of the size of its terms
    scale = np.abs(weight) / np.sqrt(variance + eps)
    size = (np.abs(a) + _channels(np.abs(mean), a)) * _channels(scale, a) + _channels(np.abs(bias), a)
    return (8 * size,)


def _backward_error(
    outputs: Any, grad: Array, a: Array, weight: Array, mean: Array, variance: Array, eps: float = 1e-5
) -> tuple[Array, Array, Array]:
    n, over = _count(a), _over(a)
    rstd = 1 / np.sqrt(variance + eps)
    x = (np.abs(a) + np.abs(_channels(mean, a))) * _channels(rstd, a)  # at most; so are the sums
    dweight, dbias = (np.abs(grad) * x).sum(axis=over), np.abs(grad).sum(axis=over)
    terms = np.abs(grad) + _channels(dbias / n, a) + x * _channels(dweight / n, a)
    of_sums = 2 * np.sqrt(n) + 8
    return (of_sums + 8) * _channels(np.abs(weight) * rstd, a) * terms, of_sums * dweight, of_sums * dbias


def _track_error(
    outputs: Any, running: list[Array], mean: Array, variance: Array, count: float, momentum: float = 0.1
) -> tuple[Any, ...]:
    sizes = (np.abs(running[0]) + np.abs(mean), np.abs(running[1]) + 2 * np.abs(variance))
    return (*(6 * size for size in sizes), *(np.zeros(()) for _ in running[2:]))


def _torch_forward(torch: Any, a: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Any:
    variance, mean = torch.var_mean(a, _over(a), correction=0)
    return torch.nn.functional.batch_norm(a, None, None, weight, bias, True, 0.1, eps), mean, variance


def _torch_eval(torch: Any, a: Any, weight: Any, bias: Any, mean: Any, variance: Any, eps: float = 1e-5) -> Any:
    def channels(v: Any) -> Any:
        return v.reshape(-1, *(1,) * (a.ndim - 2))

    return (a - channels(mean)) * channels(weight * torch.rsqrt(variance + eps)) + channels(bias)


def _torch_backward(torch: Any, grad: Any, a: Any, weight: Any, mean: Any, variance: Any, eps: float = 1e-5) -> Any:
    def channels(v: Any) -> Any:
        return v.reshape(-1, *(1,) * (a.ndim - 2))

    n, rstd = a.numel() / a.shape[1], torch.rsqrt(variance + eps)
    x = (a - channels(mean)) * channels(rstd)
    dweight, dbias = (grad * x).sum(_over(a)), grad.sum(_over(a))
    return channels(weight * rstd) * (grad - channels(dbias / n) - x * channels(dweight / n)), dweight, dbias


BATCH_NORM = Cases(
    "batch_norm",
    lambda pick: _forward(_shape(pick)),
    tuple(map(_forward, _SHAPES)),
    error=_error,
    exact=False,
    oracle=_torch_forward,
    mistake=wrong(((1, 3), "f4"), ((3,), "f4"), ((3,), "f4")),
)
BATCH_NORM_EVAL = Cases(
    "batch_norm_eval",
    lambda pick: _eval(_shape(pick)),
    tuple(map(_eval, _SHAPES)),
    error=_eval_error,
    exact=False,
    oracle=_torch_eval,
    mistake=wrong(((2, 3), "f4"), *(((n,), "f4") for n in (3, 3, 3, 2))),
)
BATCH_NORM_BACKWARD = Cases(
    "batch_norm_backward",
    lambda pick: _backward(_shape(pick)),
    tuple(map(_backward, _SHAPES)),
    error=_backward_error,
    exact=False,
    oracle=_torch_backward,
    mistake=wrong(((3, 2), "f4"), ((2, 3), "f4"), *(((3,), "f4") for _ in range(3))),
)
BATCH_NORM_TRACK = Cases(
    "batch_norm_track",
    _draw_track,
    (_track(40, 2.0, 0.1, True), _track(5, 10.0, -1.0, True), _track(0, 3.0, 0.5, False)),
    error=_track_error,
    exact=False,
    in_place=(0,),
)

KERNELS = (BATCH_NORM, BATCH_NORM_EVAL, BATCH_NORM_BACKWARD, BATCH_NORM_TRACK)
OPS = (BATCH_NORM, BATCH_NORM_EVAL, BATCH_NORM_BACKWARD)
