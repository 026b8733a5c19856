"""Elementwise functions of one argument."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..backend import Kernels
from .op import Attrs, Op, Spec, nbytes, require_float, size

# the gradient, from what was saved: the input a, or the result y where that saves work
Slope = Callable[[Kernels, Any, Any], Any]


def _infer(name: str, *, ints: bool) -> Any:
    def infer(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
        if not (ints and specs[0].dtype.name == "int64"):
            require_float(name, specs[0])
        return [specs[0]]

    return infer


def _cost(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    return size(specs[0].shape), nbytes(*specs, specs[0])


def _of_input(name: str, slope: Slope, *, ints: bool = False) -> Op:
    """The operation that is the kernel `name`; its gradient is slope(k, grad, input)."""

    def forward(k: Kernels, a: Any) -> Any:
        return getattr(k, name)(a), (a,)

    def vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool]) -> Any:
        return (slope(k, grad, saved[0]),)

    return Op(name, _infer(name, ints=ints), forward, vjp, _cost, saves=(0,))


def _of_result(name: str, slope: Slope) -> Op:
    """The operation that is the kernel `name`; its gradient is slope(k, grad, result)."""

    def forward(k: Kernels, a: Any) -> Any:
        y = getattr(k, name)(a)
        return y, (y,)

    def vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool]) -> Any:
        return (slope(k, grad, saved[0]),)

    return Op(name, _infer(name, ints=False), forward, vjp, _cost, saves=(~0,))


def _stepwise(name: str, *, ints: bool = False) -> Op:
    """A function that is constant between its jumps: its gradient is 0, as torch has it."""

    def forward(k: Kernels, a: Any) -> Any:
        return getattr(k, name)(a), ()

    def vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool]) -> Any:
        return (k.expand(k.scalar(0.0, dtype=grad.dtype), shape=grad.shape),)

    return Op(name, _infer(name, ints=ints), forward, vjp, _cost)


def _times(k: Kernels, a: Any, factor: float) -> Any:
    return k.mul(a, k.scalar(factor, dtype=a.dtype))


def _plus_one(k: Kernels, a: Any) -> Any:
    return k.add(a, k.scalar(1.0, dtype=a.dtype))


def _one_minus(k: Kernels, a: Any) -> Any:
    return k.sub(k.scalar(1.0, dtype=a.dtype), a)


def _abs_slope(k: Kernels, grad: Any, a: Any) -> Any:
    return k.mul(grad, k.sign(a))


def _sqrt_slope(k: Kernels, grad: Any, y: Any) -> Any:
    return k.div(grad, _times(k, y, 2.0))


def _rsqrt_slope(k: Kernels, grad: Any, y: Any) -> Any:
    return k.mul(_times(k, grad, -0.5), k.mul(k.square(y), y))


def _reciprocal_slope(k: Kernels, grad: Any, y: Any) -> Any:
    return k.neg(k.mul(grad, k.square(y)))


def _log_slope(k: Kernels, grad: Any, a: Any) -> Any:
    return k.div(grad, a)


def _log1p_slope(k: Kernels, grad: Any, a: Any) -> Any:
    return k.div(grad, _plus_one(k, a))


def _expm1_slope(k: Kernels, grad: Any, y: Any) -> Any:
    return k.mul(grad, _plus_one(k, y))


def _sin_slope(k: Kernels, grad: Any, a: Any) -> Any:
    return k.mul(grad, k.cos(a))


def _cos_slope(k: Kernels, grad: Any, a: Any) -> Any:
    return k.neg(k.mul(grad, k.sin(a)))


def _tanh_slope(k: Kernels, grad: Any, y: Any) -> Any:
    return k.mul(grad, _one_minus(k, k.square(y)))


def _sigmoid_slope(k: Kernels, grad: Any, y: Any) -> Any:
    return k.mul(grad, k.mul(y, _one_minus(k, y)))


def _erf_slope(k: Kernels, grad: Any, a: Any) -> Any:
    return k.mul(_times(k, grad, 2 / math.sqrt(math.pi)), k.exp(k.neg(k.square(a))))


ABS = _of_input("abs", _abs_slope, ints=True)
SIGN = _stepwise("sign", ints=True)
SQRT = _of_result("sqrt", _sqrt_slope)
RSQRT = _of_result("rsqrt", _rsqrt_slope)
RECIPROCAL = _of_result("reciprocal", _reciprocal_slope)
LOG = _of_input("log", _log_slope)
LOG1P = _of_input("log1p", _log1p_slope)
EXPM1 = _of_result("expm1", _expm1_slope)
SIN = _of_input("sin", _sin_slope)
COS = _of_input("cos", _cos_slope)
TANH = _of_result("tanh", _tanh_slope)
SIGMOID = _of_result("sigmoid", _sigmoid_slope)
ERF = _of_input("erf", _erf_slope)
FLOOR = _stepwise("floor")
CEIL = _stepwise("ceil")
ROUND = _stepwise("round")
TRUNC = _stepwise("trunc")

OPS = (ABS, SIGN, SQRT, RSQRT, RECIPROCAL, LOG, LOG1P, EXPM1, SIN, COS, TANH, SIGMOID, ERF, FLOOR, CEIL, ROUND, TRUNC)
