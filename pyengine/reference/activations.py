"""Smooth and leaky activations, out[i] = f(a[i]), and grad[i] · f'(a[i])."""

import math

import numpy as np

from ._common import Array, float_only, ieee, result, same_dtype
from .unary import erf, sigmoid

__all__ = [
    "elu", "elu_backward", "gelu", "gelu_backward", "gelu_tanh", "gelu_tanh_backward", "leaky_relu",
    "leaky_relu_backward", "silu", "silu_backward", "softplus", "softplus_backward",
]  # fmt: skip

TWO_ROOT = 2 * math.sqrt(2 / math.pi)
CUBIC = 0.044715


@ieee
def gelu(a: Array, out: Array | None = None) -> Array:
    float_only("gelu", a)
    return result(a * _normal_cdf(a), out)


@ieee
def gelu_backward(grad: Array, a: Array, out: Array | None = None) -> Array:
    _matching("gelu_backward", grad, a)
    x = _bounded(a, 200)
    density = np.exp(-x * x / 2) / np.sqrt(a.dtype.type(2) * np.pi)
    return result(grad * (_normal_cdf(x) + x * density), out)


@ieee
def gelu_tanh(a: Array, out: Array | None = None) -> Array:
    float_only("gelu_tanh", a)
    return result(a * sigmoid(TWO_ROOT * (a + CUBIC * a * a * a)), out)


@ieee
def gelu_tanh_backward(grad: Array, a: Array, out: Array | None = None) -> Array:
    _matching("gelu_tanh_backward", grad, a)
    x = _bounded(a, 200)
    return result(grad * _gated_slope(x, TWO_ROOT * (x + CUBIC * x * x * x), TWO_ROOT * (1 + 3 * CUBIC * x * x)), out)


@ieee
def silu(a: Array, out: Array | None = None) -> Array:
    float_only("silu", a)
    return result(a * sigmoid(a), out)


@ieee
def silu_backward(grad: Array, a: Array, out: Array | None = None) -> Array:
    _matching("silu_backward", grad, a)
    x = _bounded(a, 20_000)
    return result(grad * _gated_slope(x, x, 1), out)


@ieee
def softplus(a: Array, beta: float = 1.0, threshold: float = 20.0, out: Array | None = None) -> Array:
    float_only("softplus", a)
    t = a * a.dtype.type(beta)
    smooth = (np.maximum(t, 0) + np.log1p(np.exp(-np.abs(t)))) / a.dtype.type(beta)
    return result(np.where(t > a.dtype.type(threshold), a, smooth), out)


@ieee
def softplus_backward(
    grad: Array, a: Array, beta: float = 1.0, threshold: float = 20.0, out: Array | None = None
) -> Array:
    _matching("softplus_backward", grad, a)
    t = a * a.dtype.type(beta)
    return result(np.where(t > a.dtype.type(threshold), grad, grad * sigmoid(t)), out)


@ieee
def leaky_relu(a: Array, negative_slope: float = 0.01, out: Array | None = None) -> Array:
    float_only("leaky_relu", a)
    return result(np.where(a > 0, a, a.dtype.type(negative_slope) * a), out)


@ieee
def leaky_relu_backward(grad: Array, a: Array, negative_slope: float = 0.01, out: Array | None = None) -> Array:
    _matching("leaky_relu_backward", grad, a)
    return result(np.where(a > 0, grad, a.dtype.type(negative_slope) * grad), out)


@ieee
def elu(a: Array, alpha: float = 1.0, out: Array | None = None) -> Array:
    float_only("elu", a)
    return result(np.where(a > 0, a, a.dtype.type(alpha) * np.expm1(a)), out)


@ieee
def elu_backward(grad: Array, a: Array, alpha: float = 1.0, out: Array | None = None) -> Array:
    _matching("elu_backward", grad, a)
    return result(np.where(a > 0, grad, grad * (a.dtype.type(alpha) * np.exp(a))), out)


def _normal_cdf(a: Array) -> Array:
    """The share of the normal distribution below each element."""
    return (1 + erf(a / np.sqrt(a.dtype.type(2)))) / 2


def _gated_slope(x: Array, v: Array, v_slope: "Array | float") -> Array:
    """The derivative of x · s(v(x)) for the sigmoid s."""
    return sigmoid(v) * (1 + x * v_slope * sigmoid(-v))


def _bounded(a: Array, size: float) -> Array:
    """Where slopes are 0 or 1 already, no further out: infinity times 0 would be NaN."""
    return np.clip(a, a.dtype.type(-size), a.dtype.type(size))


def _matching(kernel: str, grad: Array, a: Array) -> None:
    float_only(kernel, a)
    same_dtype(kernel, grad, a)
    if grad.shape != a.shape:
        raise ValueError(f"{kernel}: shapes {grad.shape} and {a.shape} differ")
