"""Elementwise operations with broadcasting."""

from collections.abc import Sequence
from typing import Any

from ..backend import Kernels
from .op import Attrs, Op, Spec, broadcast_shapes, nbytes, require_float, size, sum_to


def _infer_binary(name: str, *, floats: bool = False) -> Any:
    def infer(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
        a, b = specs
        shape = broadcast_shapes(name, a.shape, b.shape)
        if a.dtype != b.dtype:
            raise TypeError(f"{name}: dtypes {a.dtype} and {b.dtype} differ")
        if floats:
            require_float(name, a)
        elif a.dtype.name not in ("float32", "float64", "int64"):
            raise TypeError(f"{name}: computes in float32, float64 or int64, not {a.dtype}; cast with .to(pe.float32)")
        return [Spec(shape, a.dtype)]

    return infer


def _infer_unary(name: str) -> Any:
    def infer(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
        require_float(name, specs[0])
        return [specs[0]]

    return infer


def _cost_binary(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    out = Spec(broadcast_shapes("", specs[0].shape, specs[1].shape), specs[0].dtype)
    return size(out.shape), nbytes(*specs, out)


def _cost_unary(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
    return size(specs[0].shape), nbytes(*specs, specs[0])


def _add(k: Kernels, a: Any, b: Any) -> Any:
    return k.add(a, b), (a.shape, b.shape)


def _add_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool]) -> Any:
    a, b = saved
    return (sum_to(k, grad, a) if needs[0] else None, sum_to(k, grad, b) if needs[1] else None)


def _sub(k: Kernels, a: Any, b: Any) -> Any:
    return k.sub(a, b), (a.shape, b.shape)


def _sub_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool]) -> Any:
    a, b = saved
    return (sum_to(k, grad, a) if needs[0] else None, k.neg(sum_to(k, grad, b)) if needs[1] else None)


def _mul(k: Kernels, a: Any, b: Any) -> Any:
    return k.mul(a, b), (a, b)


def _mul_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool]) -> Any:
    a, b = saved
    return (
        sum_to(k, k.mul(grad, b), a.shape) if needs[0] else None,
        sum_to(k, k.mul(grad, a), b.shape) if needs[1] else None,
    )


def _div(k: Kernels, a: Any, b: Any) -> Any:
    return k.div(a, b), (a, b)


def _div_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool]) -> Any:
    a, b = saved
    da = k.div(grad, b)  # d(a/b)/da = 1/b, d(a/b)/db = -a/b²
    return (
        sum_to(k, da, a.shape) if needs[0] else None,
        sum_to(k, k.neg(k.mul(da, k.div(a, b))), b.shape) if needs[1] else None,
    )


def _neg(k: Kernels, a: Any) -> Any:
    return k.neg(a), ()


def _neg_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool]) -> Any:
    return (k.neg(grad),)


def _infer_neg(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    if specs[0].dtype.name not in ("float32", "float64", "int64"):
        raise TypeError(f"neg: computes in float32, float64 or int64, not {specs[0].dtype}")
    return [specs[0]]


def _relu(k: Kernels, a: Any) -> Any:
    y = k.relu(a)
    return y, (y,)


def _relu_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool]) -> Any:
    return (k.relu_backward(grad, saved[0]),)


def _infer_relu_backward(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    grad, y = specs
    require_float("relu_backward", grad)
    if grad != y:
        raise ValueError(f"relu_backward: the gradient is {grad}, relu's output {y}; they must match")
    return [grad]


def _relu_backward(k: Kernels, grad: Any, y: Any) -> Any:
    return k.relu_backward(grad, y), (y,)


def _relu_backward_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool]) -> Any:
    # relu is piecewise linear: its second derivative is 0 wherever it exists
    return (k.relu_backward(grad, saved[0]) if needs[0] else None, None)


def _exp(k: Kernels, a: Any) -> Any:
    y = k.exp(a)
    return y, (y,)


def _exp_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool]) -> Any:
    return (k.mul(grad, saved[0]),)  # the derivative of exp is exp


def _square(k: Kernels, a: Any) -> Any:
    return k.square(a), (a,)


def _square_vjp(k: Kernels, saved: Any, grad: Any, *, needs: Sequence[bool]) -> Any:
    (a,) = saved
    return (k.mul(k.mul(grad, k.scalar(2.0, dtype=grad.dtype)), a),)


ADD = Op("add", _infer_binary("add"), _add, _add_vjp, _cost_binary, promotes=True)
SUB = Op("sub", _infer_binary("sub"), _sub, _sub_vjp, _cost_binary, promotes=True)
MUL = Op("mul", _infer_binary("mul"), _mul, _mul_vjp, _cost_binary, saves=(0, 1), promotes=True)
DIV = Op("div", _infer_binary("div", floats=True), _div, _div_vjp, _cost_binary, saves=(0, 1), promotes=True)
NEG = Op("neg", _infer_neg, _neg, _neg_vjp, _cost_unary)
RELU = Op("relu", _infer_unary("relu"), _relu, _relu_vjp, _cost_unary, saves=(~0,))
RELU_BACKWARD = Op("relu_backward", _infer_relu_backward, _relu_backward, _relu_backward_vjp, _cost_unary, saves=(1,))
EXP = Op("exp", _infer_unary("exp"), _exp, _exp_vjp, _cost_unary, saves=(~0,))
SQUARE = Op("square", _infer_unary("square"), _square, _square_vjp, _cost_unary, saves=(0,))

OPS = (ADD, SUB, MUL, DIV, NEG, RELU, RELU_BACKWARD, EXP, SQUARE)
