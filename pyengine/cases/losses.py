"""Cases of losses element by element."""

from typing import Any

import numpy as np

from ..backend import Array
from .case import Call, Cases, Operand, Pick, Shape, probabilities, real, wrong

_SHAPES = ((70_001,), (257, 300), (3, 0, 2), ())


def _sizes(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """Smaller and larger than 1.5 and never near it, where slopes have a kink."""
    if exact:
        return rng.integers(-4, 5, shape)
    size = np.where(rng.random(shape) < 0.5, rng.uniform(0, 1.4, shape), rng.uniform(1.6, 9, shape))
    return np.asarray(size * rng.choice([-1.0, 1.0], shape))


def _positive(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    return rng.integers(1, 4, shape) if exact else np.asarray(rng.uniform(0.5, 3, shape))


def _sized(name: str, limit: str, **more: Any) -> Cases:
    return Cases(
        name,
        lambda pick: Call((Operand(pick.shape(), _sizes),), {limit: 1.5}),
        tuple(Call((Operand(shape, _sizes),), {limit: 1.5}) for shape in _SHAPES),
        aliases=(0,),
        mistake=wrong(((2,), "i8"), **{limit: 1.0}),
        **more,
    )


def _draw_bce(pick: Pick) -> Call:
    shape = pick.shape(least=1, least_length=1)
    weights = pick.choice(((), shape[-1:]))
    return Call((Operand(shape, real), Operand(shape, probabilities), Operand(weights, _positive)))


def _listed_bce() -> tuple[Call, ...]:
    return tuple(
        Call((Operand(shape, real), Operand(shape, probabilities), Operand(weights, _positive)))
        for shape, weights in (((70_001,), ()), ((257, 300), (300,)), ((0,), ()))
    )


def _huber_error(outputs: Any, a: Array, delta: float = 1.0) -> tuple[Array]:
    # up to three roundings; a difference of |a| > delta and delta/2 keeps at least half of |a|
    return (4 * np.abs(outputs[0]),)


def _bce_error(outputs: Any, a: Array, target: Array, pos_weight: Array) -> tuple[Array]:
    # two terms, each of factors with few roundings; exp and log1p good to 4 u
    softplus = np.log1p(np.exp(-np.abs(a))) + np.maximum(-a, 0)
    return (8 * (np.abs((1 - target) * a) + (1 + np.abs(pos_weight - 1) * target) * softplus),)


def _slope_error(outputs: Any, a: Array, target: Array, pos_weight: Array) -> tuple[Array]:
    # sigmoid good to 5 u and the roundings around it; 1 - target is rounded relative to 1
    complement = 1 / (1 + np.exp(a))
    return (2 + 2 * np.abs(1 - target) + 12 * (1 + np.abs(pos_weight - 1) * target) * complement,)


def _inside(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """Probabilities so far from 0 and 1 that finite differences stay among them."""
    return np.asarray(rng.uniform(0.01, 0.99, shape))


def _draw_probabilities(pick: Pick) -> Call:
    shape = pick.shape()
    return Call((Operand(shape, _inside), Operand(shape, _inside)))


def _probabilities_error(outputs: Any, p: Array, target: Array) -> tuple[Array]:
    # two products of a logarithm good to 4 u; 1 - target is rounded relative to 1
    true, false = (np.maximum(np.abs(log), 1e-3) for log in (np.log(p), np.log1p(-p)))
    return (8 * (np.abs(target) * true + (1 + np.abs(target)) * false),)


def _torch_probabilities(torch: Any, p: Any, target: Any) -> Any:
    return torch.nn.functional.binary_cross_entropy(p, target, reduction="none")


def _torch_bce(torch: Any, a: Any, target: Any, pos_weight: Any) -> Any:
    # torch's own function does not differentiate pos_weight
    function = torch.nn.functional.binary_cross_entropy_with_logits
    loss = (1 - target) * a + (1 + (pos_weight - 1) * target) * torch.nn.functional.softplus(-a)
    torch.testing.assert_close(loss, function(a, target.detach(), pos_weight=pos_weight.detach(), reduction="none"))
    return loss


def _torch_slope(torch: Any, a: Any, target: Any, pos_weight: Any) -> Any:
    return (1 - target) - (1 + (pos_weight - 1) * target) * torch.sigmoid(-a)


def _torch_clip(torch: Any, a: Any, most: float) -> Any:
    return a.clamp(-most, most)


HUBER = _sized(
    "huber",
    "delta",
    error=_huber_error,
    oracle=lambda torch, a, delta=1.0: torch.nn.functional.huber_loss(
        a, torch.zeros_like(a), reduction="none", delta=delta
    ),
)
CLIP_SIZE = _sized("clip_size", "most", oracle=_torch_clip)
SMALL_SIZE = _sized("small_size", "most", oracle=lambda torch, a, most: (a.abs() < most).to(a.dtype) + 0 * a)
BCE_WITH_LOGITS = Cases(
    "bce_with_logits",
    _draw_bce,
    _listed_bce(),
    error=_bce_error,
    exact=False,
    aliases=(0,),
    oracle=_torch_bce,
    mistake=wrong(((2,), "f4"), ((2,), "i8"), ((), "f4")),
)
BCE_WITH_LOGITS_SLOPE = Cases(
    "bce_with_logits_slope",
    _draw_bce,
    _listed_bce(),
    error=_slope_error,
    exact=False,
    aliases=(0,),
    oracle=_torch_slope,
    mistake=wrong(((2,), "f4"), ((3,), "f4"), ((), "f4")),
)

BINARY_CROSS_ENTROPY = Cases(
    "binary_cross_entropy",
    _draw_probabilities,
    tuple(Call((Operand(shape, _inside), Operand(shape, _inside))) for shape in _SHAPES),
    error=_probabilities_error,
    exact=False,
    oracle=_torch_probabilities,
    mistake=wrong(((2,), "f4"), ((2,), "i8")),
)

KERNELS = (HUBER, CLIP_SIZE, SMALL_SIZE, BCE_WITH_LOGITS, BCE_WITH_LOGITS_SLOPE)
OPS = (*KERNELS, BINARY_CROSS_ENTROPY)
