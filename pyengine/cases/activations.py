"""Cases of the smooth and leaky activations and of their gradients."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..backend import Array
from .case import Call, Cases, Operand, Pick, Shape, Values, nonzero, real, wide, wrong

_SHAPES = ((70_001,), (257, 300), (3, 0, 2), ())
TWO_ROOT = 2 * np.sqrt(2 / np.pi)
CUBIC = 0.044715


def _off_threshold(rng: np.random.Generator, shape: Shape, exact: bool) -> Array:
    """On both sides of 3/4, where beta · a is the threshold 1.5 below and softplus jumps, and never near it."""
    below, above = rng.uniform(-6, 0.7, shape), rng.uniform(0.8, 6, shape)
    return np.asarray(np.where(rng.random(shape) < 0.7, below, above))


def _sigmoid(a: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-a)))


def _erf_error(outputs: Any, a: Array) -> tuple[Array]:
    # near -1, 1 + erf keeps the errors of erf (3 u), its argument, the sum and the definition: halved, 5 u of |a|
    return (5 * np.abs(a),)


def _erf_slope_error(outputs: Any, grad: Array, a: Array) -> tuple[Array]:
    # 4 u from 1 + erf; a · density is at most 0.25, and 6 u and a² u off, where a³ · density is at most 0.5
    return (8 * np.abs(grad),)


def _sigmoid_error(outputs: Any, a: Array) -> tuple[Array]:
    return (8 * np.abs(outputs[0]),)  # sigmoid is good to 5 u, then one product


def _tanh_error(outputs: Any, a: Array) -> tuple[Array]:
    # as above, and the argument v is 6 u off: that moves the sigmoid by 6 u · |v| · (1 - sigmoid(v)) of itself
    v = TWO_ROOT * (a + CUBIC * a**3)
    return (np.abs(outputs[0]) * (8 + 6 * np.abs(v) * _sigmoid(-v)),)


def _gated_error(v: Callable[[Array], Array], slope: Callable[[Array], Array]) -> Any:
    def error(outputs: Any, grad: Array, a: Array) -> tuple[Array]:
        # s and 1 - s are good to 5 u and to what 6 u of v make of them, at most 6 |v| u; the sum may cancel
        x = np.clip(a, -200, 200)
        terms = _sigmoid(v(x)) * (1 + np.abs(x * slope(x)) * _sigmoid(-v(x)))
        return (np.abs(grad) * terms * (16 + 8 * np.abs(v(x))),)

    return error


def _softplus_error(outputs: Any, a: Array, beta: float = 1.0, threshold: float = 20.0) -> tuple[Array]:
    # two positive terms good to 4 u; t = beta · a is off by u, which the slope hands on
    x = np.clip(a, -1e4, 1e4)
    return (8 * np.abs(outputs[0]) + 2 * np.abs(x) * _sigmoid(beta * x),)


def _softplus_slope_error(
    outputs: Any, grad: Array, a: Array, beta: float = 1.0, threshold: float = 20.0
) -> tuple[Array]:
    # sigmoid, its argument, and a product
    return ((10 + 2 * np.minimum(np.abs(beta * a), 1e4)) * np.abs(outputs[0]),)


def _few_ulp(outputs: Any, *operands: Array, alpha: float = 1.0) -> tuple[Array]:
    return (8 * np.abs(outputs[0]),)  # exp and expm1 are good to 4 u, then two products


def _torch_gelu(torch: Any, a: Any) -> Any:
    return torch.nn.functional.gelu(a)


def _torch_gelu_slope(torch: Any, grad: Any, a: Any) -> Any:
    return grad * (torch.special.ndtr(a) + a * torch.exp(-a * a / 2) / np.sqrt(2 * np.pi))


def _torch_gelu_tanh_slope(torch: Any, grad: Any, a: Any) -> Any:
    u = TWO_ROOT / 2 * (a + CUBIC * a**3)
    slope = TWO_ROOT / 2 * (1 + 3 * CUBIC * a * a)
    return grad * (1 + torch.tanh(u) + a * slope / torch.cosh(u) ** 2) / 2


def _torch_silu_slope(torch: Any, grad: Any, a: Any) -> Any:
    return grad * torch.sigmoid(a) * (1 + a * torch.sigmoid(-a))


def _torch_softplus_slope(torch: Any, grad: Any, a: Any, beta: float, threshold: float) -> Any:
    return torch.where(beta * a > threshold, grad, grad * torch.sigmoid(beta * a))


def _torch_leaky_slope(torch: Any, grad: Any, a: Any, negative_slope: float) -> Any:
    return torch.where(a > 0, grad, negative_slope * grad)


def _torch_elu_slope(torch: Any, grad: Any, a: Any, alpha: float) -> Any:
    return torch.where(a > 0, grad, grad * alpha * torch.exp(a))


def _family(
    name: str,
    oracles: tuple[Any, Any],
    errors: tuple[Any, Any] = (None, None),
    values: Values = real,
    far: Values = wide,
    **attrs: float,
) -> tuple[tuple[Cases, ...], tuple[Cases, ...]]:
    """The cases of a function and its slope, as kernels, tried on `far` values too, and as operations."""

    def calls(inputs: int, *kinds: Values) -> dict[str, Any]:
        def call(shape: Shape, kind: Values) -> Call:
            return Call((*(Operand(shape),) * (inputs - 1), Operand(shape, kind)), attrs)

        def draw(pick: Pick) -> Call:
            # far out a slope is 0 in one dtype and tiny in a wider one, which infinite gradients would tell apart
            return call(pick.shape(), pick.choice(kinds[: 3 - inputs]))

        return {"draw": draw, "listed": tuple(call(shape, kind) for kind in kinds for shape in _SHAPES)}

    kernels, ops = [], []
    for inputs, called, error, oracle in zip((1, 2), (name, f"{name}_backward"), errors, oracles, strict=True):
        rest: dict[str, Any] = {"error": error, "exact": error is None, "aliases": tuple(range(inputs))}
        mistake = wrong(((2,), "i8"), **attrs) if inputs == 1 else wrong(((3,), "f4"), ((2,), "f4"), **attrs)
        kernels.append(Cases(called, **calls(inputs, values, far), **rest))
        ops.append(Cases(called, **calls(inputs, values), oracle=oracle, mistake=mistake, **rest))
    return tuple(kernels), tuple(ops)


_FAMILIES = (
    _family("gelu", (_torch_gelu, _torch_gelu_slope), (_erf_error, _erf_slope_error)),
    _family(
        "gelu_tanh",
        (lambda torch, a: torch.nn.functional.gelu(a, approximate="tanh"), _torch_gelu_tanh_slope),
        (
            _tanh_error,
            _gated_error(lambda x: TWO_ROOT * (x + CUBIC * x**3), lambda x: TWO_ROOT * (1 + 3 * CUBIC * x * x)),
        ),
    ),
    _family(
        "silu",
        (lambda torch, a: torch.nn.functional.silu(a), _torch_silu_slope),
        (_sigmoid_error, _gated_error(lambda x: x, lambda x: np.ones_like(x))),
    ),
    _family(
        "softplus",
        (lambda torch, a, **attrs: torch.nn.functional.softplus(a, **attrs), _torch_softplus_slope),
        (_softplus_error, _softplus_slope_error),
        values=_off_threshold,
        beta=2.0,
        threshold=1.5,
    ),
    _family(
        "leaky_relu",
        (lambda torch, a, **attrs: torch.nn.functional.leaky_relu(a, **attrs), _torch_leaky_slope),
        values=nonzero,
        negative_slope=0.25,
    ),
    _family(
        "elu",
        (lambda torch, a, **attrs: torch.nn.functional.elu(a, **attrs), _torch_elu_slope),
        (_few_ulp, _few_ulp),
        values=nonzero,
        alpha=1.5,
    ),
)

KERNELS = tuple(cases for kernels, _ in _FAMILIES for cases in kernels)
OPS = tuple(cases for _, ops in _FAMILIES for cases in ops)
