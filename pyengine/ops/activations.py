"""Smooth and leaky activations. Each has its gradient as one kernel, which is an operation itself."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..backend import Kernels
from .op import Attrs, Op, Spec, nbytes, require_float, size

TWO_ROOT = 2 * math.sqrt(2 / math.pi)
CUBIC = 0.044715

# curvature(k, grad, a, **attrs): grad times the second derivative at a; None where that is 0 wherever it exists
Curvature = Callable[..., Any]


def _infer(name: str) -> Any:
    def infer(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
        require_float(name, specs[0])
        return [specs[0]]

    return infer


def _infer_backward(name: str) -> Any:
    def infer(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
        grad, a = specs
        require_float(name, a)
        if grad != a:
            raise ValueError(f"{name}: the gradient is {grad}, the input {a}; they must match")
        return [a]

    return infer


def _cost(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    return 20 * size(specs[0].shape), nbytes(*specs, specs[0])


def _pair(name: str, curvature: Curvature | None) -> tuple[Op, Op]:
    """The operation `name`, and `name`_backward, which is grad · f'(a)."""
    back = f"{name}_backward"

    def forward(k: Kernels, a: Any, **attrs: Any) -> Any:
        return getattr(k, name)(a, **attrs), (a,)

    def vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool], **attrs: Any) -> Any:
        return (getattr(k, back)(grad, saved[0], **attrs),)

    def slope(k: Kernels, grad: Any, a: Any, **attrs: Any) -> Any:
        return getattr(k, back)(grad, a, **attrs), (grad, a)

    def slope_vjp(k: Kernels, saved: Any, upstream: Any, *, needs: Sequence[bool], **attrs: Any) -> Any:
        grad, a = saved
        along_grad = getattr(k, back)(upstream, a, **attrs) if needs[0] else None
        if not needs[1] or curvature is None:
            return along_grad, None
        return along_grad, curvature(k, k.mul(upstream, grad), a, **attrs)

    return (
        Op(name, _infer(name), forward, vjp, _cost, saves=(0,)),
        Op(back, _infer_backward(back), slope, slope_vjp, _cost, saves=(0, 1)),
    )


def _times(k: Kernels, a: Any, factor: float) -> Any:
    return k.mul(a, k.scalar(factor, dtype=a.dtype))


def _plus(k: Kernels, a: Any, term: float) -> Any:
    return k.add(a, k.scalar(term, dtype=a.dtype))


def _gelu_curvature(k: Kernels, grad: Any, a: Any) -> Any:
    # (Phi + a p)' = p (2 - a²), with the normal density p and p' = -a p
    square = k.square(a)
    density = _times(k, k.exp(_times(k, square, -0.5)), 1 / math.sqrt(2 * math.pi))
    return k.mul(grad, k.mul(density, _plus(k, k.neg(square), 2.0)))


def _gelu_tanh_curvature(k: Kernels, grad: Any, a: Any) -> Any:
    square = k.square(a)
    v = k.mul(a, _plus(k, _times(k, square, TWO_ROOT * CUBIC), TWO_ROOT))
    slope = _plus(k, _times(k, square, 3 * TWO_ROOT * CUBIC), TWO_ROOT)
    # (a s(v))'' = s(v) s(-v) (2 v' + a (v'² (s(-v) - s(v)) + v''))
    s, complement = k.sigmoid(v), k.sigmoid(k.neg(v))
    bend = k.add(k.mul(k.square(slope), k.sub(complement, s)), _times(k, a, 6 * TWO_ROOT * CUBIC))
    return k.mul(grad, k.mul(k.mul(s, complement), k.add(_times(k, slope, 2.0), k.mul(a, bend))))


def _silu_curvature(k: Kernels, grad: Any, a: Any) -> Any:
    s, complement = k.sigmoid(a), k.sigmoid(k.neg(a))
    bend = _plus(k, k.mul(a, k.sub(complement, s)), 2.0)
    return k.mul(grad, k.mul(k.mul(s, complement), bend))


def _softplus_curvature(k: Kernels, grad: Any, a: Any, *, beta: float = 1.0, threshold: float = 20.0) -> Any:
    # the slope is s = 1 beyond the threshold, where beta s (1 - s) is the 0 that it must be
    s = k.softplus_backward(_ones(k, a), a, beta=beta, threshold=threshold)
    return k.mul(grad, _times(k, k.mul(s, _plus(k, k.neg(s), 1.0)), beta))


def _elu_curvature(k: Kernels, grad: Any, a: Any, *, alpha: float = 1.0) -> Any:
    # below 0 the slope alpha exp(a) is its own slope; above 0 both terms are grad
    return k.sub(k.elu_backward(grad, a, alpha=alpha), k.relu_backward(grad, a))


def _ones(k: Kernels, a: Any) -> Any:
    return k.expand(k.scalar(1.0, dtype=a.dtype), shape=a.shape)


GELU, GELU_BACKWARD = _pair("gelu", _gelu_curvature)
GELU_TANH, GELU_TANH_BACKWARD = _pair("gelu_tanh", _gelu_tanh_curvature)
SILU, SILU_BACKWARD = _pair("silu", _silu_curvature)
SOFTPLUS, SOFTPLUS_BACKWARD = _pair("softplus", _softplus_curvature)
LEAKY_RELU, LEAKY_RELU_BACKWARD = _pair("leaky_relu", None)
ELU, ELU_BACKWARD = _pair("elu", _elu_curvature)

OPS = (
    GELU, GELU_BACKWARD, GELU_TANH, GELU_TANH_BACKWARD, SILU, SILU_BACKWARD, SOFTPLUS, SOFTPLUS_BACKWARD, LEAKY_RELU,
    LEAKY_RELU_BACKWARD, ELU, ELU_BACKWARD,
)  # fmt: skip
